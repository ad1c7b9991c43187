/** Takes part in handshakes at a path, and sends back whatever comes after them, until its input ends. */
import * as Net from "node:net"
import { challenge, welcome, welcomeAndAnswer } from "./socketHandshake.sizes.ts"

const server = Net.createServer((socket) => {
  socket.on("error", () => socket.destroy())
  socket.write(challenge)
  socket.once("data", () => {
    socket.write(welcomeAndAnswer)
    let toSkip = welcome.length
    socket.on("data", (bytes) => {
      // the end of the handshake may come together with what follows it
      const skipped = Math.min(toSkip, bytes.length)
      toSkip -= skipped
      if (bytes.length > skipped) socket.write(skipped === 0 ? bytes : bytes.subarray(skipped))
    })
  })
})

server.listen({ path: process.argv[2]!, backlog: 128 }, () => process.stdout.write("ready\n"))
process.stdin.once("close", () => process.exit()).resume()
