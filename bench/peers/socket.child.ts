/** Sends back all bytes; or, as a source, answers `[writes, bytes]` with so many writes of so many bytes. */
import { once } from "node:events"
import * as Net from "node:net"

const socket = new Net.Socket({ fd: 3 })

if (process.argv[2] === "source") {
  socket.on("data", async (question) => {
    const bytes = Buffer.alloc(question.readUInt32LE(4))
    for (let left = question.readUInt32LE(0); left > 0; left--) {
      if (!socket.write(bytes)) await once(socket, "drain")
    }
  })
} else {
  socket.on("data", (bytes) => {
    if (!socket.write(bytes)) socket.pause()
  })
  socket.on("drain", () => socket.resume())
}
