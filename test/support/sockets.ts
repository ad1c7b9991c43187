import { mkdtempSync, rmSync } from "node:fs"
import * as Net from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type * as Inlet from "../../src/wire/internal/inlet.ts"

/** Two connected sockets, of which the first may have an inlet. */
export const connect = async (inlet?: Inlet.Inlet): Promise<[Net.Socket, Net.Socket]> => {
  const folder = mkdtempSync(join(tmpdir(), "emp-test-"))
  const path = join(folder, "socket")
  const server = Net.createServer()
  await new Promise<void>((resolve) => server.listen(path, resolve))
  const accepted = new Promise<Net.Socket>((resolve) => server.once("connection", resolve))
  const socket = Net.connect(inlet === undefined ? { path } : { path, onread: inlet.onread })
  const other = await accepted
  server.close()
  rmSync(folder, { recursive: true })
  return [socket, other]
}
