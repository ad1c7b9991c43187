/**
 * The programs of this user that start children: found by their run directories, asked at their sockets.
 *
 * A program that has processes below it is a root, unless one of this library's started it.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Fs from "node:fs"
import * as Net from "node:net"
import * as Path from "node:path"
import * as Owner from "../../guard/internal/owner.ts"
import * as OwnFolder from "../../guard/internal/ownFolder.ts"
import * as ProcessTable from "../../guard/internal/processTable.ts"
import * as RunDirectory from "../../guard/internal/runDirectory.ts"
import type { Tree } from "../Process.ts"
import { type Kin, makeKin } from "./builtIns.ts"
import * as Family from "./family.ts"
import * as Tree_ from "./tree.ts"

/** milliseconds that a program has, which gives its children a part of it */
const timeToAnswer = 2_000

/** bytes; a tree has a few hundred for a process */
const longestAnswer = 16 << 20

/** What the socket says, if it says it whole and in time. */
export const ask = (path: string): Effect.Effect<string | undefined> =>
  Effect.callback((resume) => {
    const socket = Net.connect(path)
    const chunks: Array<Buffer> = []
    let bytes = 0
    const finish = (text: string | undefined) => {
      clearTimeout(timer)
      socket.destroy()
      resume(Effect.succeed(text))
    }
    const timer = setTimeout(finish, timeToAnswer, undefined)
    socket.once("error", () => finish(undefined))
    socket.once("connect", () => socket.write(`${Family.word}\n`))
    socket.on("data", (chunk) => {
      chunks.push(chunk)
      bytes += chunk.length
      if (bytes > longestAnswer) finish(undefined)
    })
    socket.once("end", () => finish(Buffer.concat(chunks).toString("utf8")))
    return Effect.sync(() => {
      clearTimeout(timer)
      socket.destroy()
    })
  })

const decode = Schema.decodeUnknownEffect(Schema.fromJsonString(makeKin()))

/** The run directories of living roots. */
const directories = (): ReadonlyArray<{ readonly path: string; readonly pid: number }> =>
  RunDirectory.bases().flatMap((base) => {
    if (!isOurs(base)) return []
    return Fs.readdirSync(base).flatMap((name) => {
      const path = Path.join(base, name)
      if (!/^[a-z0-9]{8}$/.test(name) || !isOurs(path)) return []
      const owner = Owner.read(path)
      if (owner === undefined || !Owner.sharesRealm(owner) || !ProcessTable.isAlive(owner.pid, owner.start)) return []
      return Tree_.isChild(owner.pid) ? [] : [{ path, pid: owner.pid }]
    })
  })

const isOurs = (folder: string): boolean => {
  try {
    return OwnFolder.refusal(folder) === undefined
  } catch {
    // it is not there, or has just been removed
    return false
  }
}

/** One that says nothing sensible is known by what the system says. */
const kinAt = ({ path, pid }: { readonly path: string; readonly pid: number }): Effect.Effect<Kin> =>
  Effect.flatMap(ask(Path.join(path, Owner.socketName)), (text) => Effect.orElseSucceed(decode(text), () => undefined))
    .pipe(
      Effect.map((kin) => kin?.pid === pid ? kin : Tree_.unasked(pid, "unresponsive"))
    )

/** The trees of all programs, by their pids. A program with several run directories is one. */
export const trees: Effect.Effect<ReadonlyArray<Tree>> = Effect.suspend(() =>
  Effect.forEach(directories(), kinAt, { concurrency: "unbounded" })
).pipe(
  Effect.flatMap((found) => {
    const byPid = new Map<number, Kin>()
    for (const kin of found) if (byPid.get(kin.pid)?.children === undefined) byPid.set(kin.pid, kin)
    return Effect.forEach([...byPid.values()].toSorted((a, b) => a.pid - b.pid), Tree_.measured, {
      concurrency: "unbounded"
    })
  }),
  // one that has ended meanwhile is none
  Effect.map((trees) => trees.filter(({ age }) => age !== undefined))
)
