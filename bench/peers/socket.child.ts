/** Sends back all bytes. */
import * as Net from "node:net"

const socket = new Net.Socket({ fd: 3 })
socket.on("data", (bytes) => {
  if (!socket.write(bytes)) socket.pause()
})
socket.on("drain", () => socket.resume())
