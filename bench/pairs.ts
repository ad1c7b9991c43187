/** Connected sockets that are handed to another process. */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import { once } from "node:events"
import { mkdtempSync, rmSync } from "node:fs"
import * as Net from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as W from "./worker.ts"

interface Pair {
  readonly here: Net.Socket
  readonly there: Net.Socket
}

/** so many descriptors are open at a time, twice */
const batch = 100

class WrongByte extends Data.TaggedError("WrongByte")<{ readonly message: string }> {}

const server = Effect.acquireRelease(
  Effect.tryPromise(async () => {
    const folder = mkdtempSync(join(tmpdir(), "emp-bench-"))
    const path = join(folder, "s")
    const server = Net.createServer({ pauseOnConnect: true }).listen(path)
    await once(server, "listening")
    return { server, path, folder }
  }),
  ({ folder, server }) =>
    Effect.sync(() => {
      server.close()
      rmSync(folder, { recursive: true, force: true })
    })
)

/** Pairs of Unix sockets, whose one end was accepted. */
const pairs = (server: Net.Server, path: string, count: number) =>
  Effect.acquireRelease(
    Effect.tryPromise(async () => {
      const all: Array<Pair> = []
      for (let i = 0; i < count; i++) {
        const accepted = once(server, "connection")
        const here = Net.connect(path)
        all.push({ here, there: (await accepted)[0] as Net.Socket })
      }
      return all as ReadonlyArray<Pair>
    }),
    (all) =>
      Effect.sync(() => {
        for (const { here, there } of all) {
          here.destroy()
          there.destroy()
        }
      })
  )

const byteOf = (socket: Net.Socket, n: number) =>
  Effect.tryPromise({
    try: async () => {
      const [bytes] = await once(socket, "data") as [Buffer]
      if (bytes.length !== 1 || bytes[0] !== (n & 255)) throw new WrongByte({ message: `${bytes[0]} is not of ${n}` })
    },
    catch: (error) => error
  })

/** The time of handing over, until a byte has come through each; the sockets are there before. */
export const passes = Effect.map(
  server,
  ({ path, server }) => (pass: (socket: Net.Socket, n: number) => Effect.Effect<unknown, unknown>): W.Echo => {
    const one = ({ here, there }: Pair, n: number) =>
      Effect.all([byteOf(here, n), pass(there, n)], { concurrency: 2, discard: true })
    const some = (count: number, inFlight: number) =>
      Effect.scoped(Effect.flatMap(
        pairs(server, path, count),
        (all) => W.timed(Effect.forEach(all, one, { concurrency: inFlight, discard: true }))
      ))
    return (count, inFlight) => {
      const counts = Array.from({ length: Math.ceil(count / batch) }, (_, i) => Math.min(batch, count - i * batch))
      return Effect.map(
        Effect.forEach(counts, (count) => some(count, inFlight)),
        (times) => times.reduce((sum, time) => sum + time, 0)
      )
    }
  }
)
