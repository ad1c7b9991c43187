/** What a network does to connections: it cuts them, and it falls silent without a word. */
import * as Address from "effect-multiprocessing/Address"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { rmSync } from "node:fs"
import * as Net from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"

export interface Proxy {
  readonly address: Address.Address
  /** connections that it carries */
  readonly carried: () => number
  /** ends all of them, as a reset does */
  readonly cut: () => void
  /** nothing comes through any more, and nobody is told; `false`: it does again */
  readonly freeze: (on: boolean) => void
}

let count = 0

/** Stands between clients and a server at a path. */
export const make = (server: Address.Address): Effect.Effect<Proxy, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const sockets = new Set<Net.Socket>()
      let frozen = false
      const carry = (from: Net.Socket, to: Net.Socket): void => {
        sockets.add(from)
        from.on("data", (bytes) => to.write(bytes)).on("error", () => {})
        from.on("close", () => {
          sockets.delete(from)
          to.destroy()
        })
        if (frozen) from.pause()
      }
      const listener = Net.createServer((socket) => {
        const onward = Net.connect({ path: (server as typeof Address.Unix.Type).path })
        carry(socket, onward)
        carry(onward, socket)
      })
      const path = join(tmpdir(), `emp-proxy-${process.pid}-${count++}`)
      await new Promise<void>((resolve) => listener.listen(path, resolve))
      const cut = (): void => sockets.forEach((socket) => socket.destroy())
      return {
        address: Address.unix(path),
        carried: () => sockets.size / 2,
        cut,
        freeze: (on: boolean) => {
          frozen = on
          for (const socket of sockets) {
            if (on) socket.pause()
            else socket.resume()
          }
        },
        close: () =>
          new Promise<void>((resolve) => {
            cut()
            listener.close(() => {
              rmSync(path, { force: true })
              resolve()
            })
          })
      }
    }),
    ({ close }) => Effect.promise(close)
  )
