/** Sends back all bytes, over a Unix socket whose path is its argument. */
import * as Net from "node:net"

const server = Net.createServer((socket) => {
  socket.on("data", (bytes) => socket.write(bytes))
  socket.on("close", () => process.exit())
})
server.listen(process.argv[2])
