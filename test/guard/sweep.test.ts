import { assert, describe, it } from "@effect/vitest"
import * as ProcessMetrics from "effect-multiprocessing/ProcessMetrics"
import { freeze, isAliveUnsafe, kill, waitUntil } from "effect-multiprocessing/testing"
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import * as Fs from "node:fs"
import * as Net from "node:net"
import * as Path from "node:path"
import * as Owner from "../../src/guard/internal/owner.ts"
import * as OwnFolder from "../../src/guard/internal/ownFolder.ts"
import * as ProcessTable from "../../src/guard/internal/processTable.ts"
import * as Records from "../../src/guard/internal/records.ts"
import * as RunDirectory from "../../src/guard/internal/runDirectory.ts"
import { sweep } from "../../src/guard/internal/sweep.ts"
import { allDead, child, families, type Owned, owner, removed } from "../support/owned.ts"
import { folder, within } from "../support/spawned.ts"

const swept = (base: string) => Effect.promise((signal) => sweep(base, signal))

/**
 * Kills an owner together with its Reaper: nobody is left to tidy up. The owner is reaped then: a zombie's threads may
 * still hold its socket, which answers.
 */
const killBoth = (owned: Owned) =>
  Effect.gen(function*() {
    yield* freeze(owned.pid)
    yield* kill(owned.reaper)
    owned.kill()
    yield* allDead([owned.reaper])
    yield* owned.end
  }).pipe(Effect.scoped)

/** An owner as it would have described itself, if it is dead by now. */
const dead: Owner.Owner = { ...Owner.self(), start: "1" }

/** A run directory made by hand, without a socket. */
const directory = (base: string, name: string, whose: Owner.Owner | undefined, records: ReadonlyArray<string> = []) => {
  const path = Path.join(base, name)
  Fs.mkdirSync(path, { mode: 0o700 })
  Records.makeFolders(path)
  if (whose !== undefined) Owner.write(path, whose)
  for (const record of records) Fs.writeFileSync(`${path}/c/${record}`, "")
  return path
}

const age = (path: string, hours: number) => {
  const then = new Date(Date.now() - hours * 3_600_000)
  Fs.lutimesSync(path, then, then)
}

const base = Effect.map(folder, (tmp) => {
  const path = `${tmp}/emp-${OwnFolder.uid()}`
  Fs.mkdirSync(path, { mode: 0o700 })
  return path
})

describe("an owner and its Reaper are killed", () => {
  for (const [program, members] of [["family", 3], ["orphan", 1]] as const) {
    it.live(`the next run directory sweeps what they left: groups (${program}), files and directories, its own`, () =>
      Effect.gen(function*() {
        const tmp = yield* folder
        const file = `${tmp}/file`
        Fs.writeFileSync(file, "")
        const full = `${tmp}/full`
        Fs.mkdirSync(`${full}/in`, { recursive: true })
        const owned = yield* owner(tmp, { children: 4, program, paths: [file, full] })
        if (program === "orphan") yield* allDead(owned.children)
        const pids = yield* families(owned.children, members)
        yield* killBoth(owned)
        assert.isTrue(pids.every(isAliveUnsafe))
        assert.isTrue(Fs.existsSync(owned.directory))
        const next = yield* owner(tmp, { children: 1, program: "sleep" })
        yield* allDead(pids)
        yield* removed(owned.directory)
        assert.isFalse(Fs.existsSync(file))
        assert.isFalse(Fs.existsSync(full))
        assert.isTrue([next.pid, next.reaper, ...next.children].every(isAliveUnsafe))
        assert.isTrue(Fs.existsSync(next.directory))
      }))
  }

  it.live("who sweeps counts the children that were left", () =>
    Effect.gen(function*() {
      const tmp = yield* folder
      const owned = yield* owner(tmp, { children: 3, program: "sleep" })
      yield* killBoth(owned)
      yield* within(tmp, RunDirectory.make)
      const count = Metric.value(Metric.withAttributes(ProcessMetrics.reaperKills, { of: "orphans" }))
      yield* waitUntil(Effect.map(count, ({ count }) => count > 0))
      assert.strictEqual((yield* count).count, 3)
      yield* removed(owned.directory)
    }).pipe(Effect.scoped, Effect.provideService(Metric.MetricRegistry, new Map())))

  it.live("many sweepers at once do it together", () =>
    Effect.gen(function*() {
      const tmp = yield* folder
      const living = yield* owner(tmp, { children: 1, program: "sleep" })
      const owners = yield* Effect.forEach([1, 2, 3], () => owner(tmp, { children: 2, program: "sleep" }), {
        concurrency: "unbounded"
      })
      for (const owned of owners) yield* killBoth(owned)
      const path = Path.dirname(living.directory)
      yield* Effect.all(Array.from({ length: 8 }, () => swept(path)), { concurrency: "unbounded" })
      yield* allDead(owners.flatMap(({ children }) => children))
      assert.deepStrictEqual(Fs.readdirSync(path), [Path.basename(living.directory)])
      assert.isTrue(living.children.every(isAliveUnsafe))
    }))

  it.live("an empty directory is one whose last entry another sweeper has removed", () =>
    Effect.gen(function*() {
      const path = directory(yield* base, "abcdefgh", undefined)
      for (const name of Fs.readdirSync(path)) Fs.rmSync(`${path}/${name}`, { recursive: true })
      yield* swept(Path.dirname(path))
      assert.isFalse(Fs.existsSync(path))
    }).pipe(Effect.scoped))
})

describe("a sweep spares", () => {
  it.live("owners that live, frozen ones too, and ones that have lost their socket", () =>
    Effect.gen(function*() {
      const tmp = yield* folder
      const frozen = yield* owner(tmp, { children: 1, program: "sleep" })
      const mute = yield* owner(tmp, { children: 1, program: "sleep" })
      yield* freeze(frozen.pid)
      Fs.unlinkSync(`${mute.directory}/${Owner.socketName}`)
      yield* swept(Path.dirname(mute.directory))
      for (const { children, directory } of [frozen, mute]) {
        assert.isTrue(children.every(isAliveUnsafe))
        assert.strictEqual(Records.children(directory).length, 1)
      }
    }).pipe(Effect.scoped))

  it.live("an owner of another realm that answers, whatever its age", () =>
    Effect.gen(function*() {
      const path = directory(yield* base, "abcdefgh", { ...dead, boot: "another" })
      yield* Effect.acquireRelease(
        Effect.callback<Net.Server>((resume) => {
          const server = Net.createServer((socket) => socket.destroy())
          server.listen(`${path}/${Owner.socketName}`, () => resume(Effect.succeed(server)))
        }),
        (server) => Effect.sync(() => server.close())
      )
      age(path, 1_000)
      yield* swept(Path.dirname(path))
      assert.isTrue(Fs.existsSync(path))
    }).pipe(Effect.scoped))

  it.live("children whose pid has been given to another process", () =>
    Effect.gen(function*() {
      const { pid, start } = yield* child("sleep", ["1000"])
      const path = directory(yield* base, "abcdefgh", dead, [`${pid}.${Number(start) + 1}.g`, `${pid}.${start}`])
      yield* swept(Path.dirname(path))
      assert.isFalse(Fs.existsSync(path))
      assert.isTrue(isAliveUnsafe(pid))
    }).pipe(Effect.scoped))

  it.live("a group without its leader that lacks our mark", () =>
    Effect.gen(function*() {
      const { end, pid, start } = yield* child("sh", ["-c", "sleep 1000 &"])
      yield* end
      const [left] = yield* families([pid], 1)
      const path = directory(yield* base, "abcdefgh", dead, [`${pid}.${start}.g`])
      yield* swept(Path.dirname(path))
      assert.isFalse(Fs.existsSync(path))
      assert.isTrue(isAliveUnsafe(left!))
    }).pipe(Effect.scoped))

  it.live("children named in another boot or pid namespace, where their pids mean others", () =>
    Effect.gen(function*() {
      const { pid, start } = yield* child("sleep", ["1000"])
      const path = yield* base
      const records = [`${pid}.${start}.g`]
      const foreign = [
        directory(path, "boot0000", { ...dead, boot: "another" }, records),
        directory(path, "names000", { ...dead, namespace: "1" }, records),
        directory(path, "unknown0", { ...dead, boot: undefined }, records),
        directory(path, "nobody00", undefined, records)
      ]
      yield* swept(path)
      assert.isTrue(foreign.every((directory) => Fs.existsSync(directory)), "they may have a Reaper at work")
      for (const directory of foreign) age(directory, 25)
      yield* swept(path)
      assert.isFalse(foreign.some((directory) => Fs.existsSync(directory)))
      assert.isTrue(isAliveUnsafe(pid))
    }).pipe(Effect.scoped))

  it.live("a directory that is being made, but not one whose maker has been killed long ago", () =>
    Effect.gen(function*() {
      const path = yield* base
      const fresh = directory(path, ".abcdefgh", undefined)
      const old = directory(path, ".ijklmnop", dead)
      age(old, 2)
      yield* swept(path)
      assert.isTrue(Fs.existsSync(fresh))
      assert.isFalse(Fs.existsSync(old))
    }).pipe(Effect.scoped))

  it.live("whatever is not ours: links, other modes, other owners, other names", () =>
    Effect.gen(function*() {
      const path = yield* base
      const { pid, start } = yield* child("sleep", ["1000"])
      const records = [`${pid}.${start}.g`]
      const elsewhere = directory(Path.dirname(path), "elsewhere", dead, records)
      Fs.symlinkSync(elsewhere, `${path}/linklink`)
      for (const [name, mode] of [["mode0755", 0o755], ["mode0770", 0o770], ["mode0000", 0]] as const) {
        Fs.chmodSync(directory(path, name, dead, records), mode)
      }
      Fs.writeFileSync(`${path}/filefile`, "")
      for (const name of ["short", "toolongname", "UPPERCAS", "with sp0", "..abcdef", "new\nline"]) {
        directory(path, name, dead, records)
      }
      // only root can make directories of others
      if (OwnFolder.uid() === 0) Fs.chownSync(directory(path, "stranger", dead, records), 12345, 12345)
      const names = Fs.readdirSync(path)
      for (const name of names) age(`${path}/${name}`, 1_000)
      yield* swept(path)
      Fs.chmodSync(`${path}/mode0000`, 0o700)
      assert.sameMembers(Fs.readdirSync(path), names)
      assert.sameMembers(Fs.readdirSync(elsewhere), ["c", "p", "d", "owner"])
      assert.isTrue(isAliveUnsafe(pid))
    }).pipe(Effect.scoped))

  it.live("files that records and links of a stale directory point at", () =>
    Effect.gen(function*() {
      const path = yield* base
      const stale = directory(path, "abcdefgh", dead)
      const outside = Path.join(Path.dirname(path), "outside")
      Fs.mkdirSync(outside)
      Fs.writeFileSync(`${outside}/file`, "")
      const { dev, ino } = Fs.statSync(`${outside}/file`, { bigint: true })
      Fs.symlinkSync(`${outside}/file`, `${stale}/p/${dev}.${ino + 1n}.0`)
      Fs.symlinkSync("../../outside/file", `${stale}/p/${dev}.${ino}.1`)
      Fs.symlinkSync(outside, `${stale}/linked`)
      yield* swept(path)
      assert.isFalse(Fs.existsSync(stale))
      assert.isTrue(Fs.existsSync(`${outside}/file`))
    }).pipe(Effect.scoped))

  it.live("a records' folder that is a link", () =>
    Effect.gen(function*() {
      const path = yield* base
      const { pid, start } = yield* child("sleep", ["1000"])
      const stale = directory(path, "abcdefgh", dead)
      const outside = Path.join(Path.dirname(path), "outside")
      Fs.mkdirSync(outside)
      Fs.writeFileSync(`${outside}/${pid}.${start}.g`, "")
      Fs.rmSync(`${stale}/c`, { recursive: true })
      Fs.symlinkSync(outside, `${stale}/c`)
      yield* swept(path)
      assert.isFalse(Fs.existsSync(stale))
      assert.strictEqual(Fs.readdirSync(outside).length, 1)
      assert.isTrue(isAliveUnsafe(pid))
    }).pipe(Effect.scoped))
})

describe("a sweep", () => {
  it.live("finds nothing where there is no base, and fails for nobody's trouble", () => swept("/nowhere/emp-0"))

  it.live("takes what was half removed", () =>
    Effect.gen(function*() {
      const path = yield* base
      const stale = directory(path, "abcdefgh", dead)
      Fs.rmSync(`${stale}/c`, { recursive: true })
      Fs.rmdirSync(`${stale}/p`)
      yield* swept(path)
      assert.deepStrictEqual(Fs.readdirSync(path), [])
    }).pipe(Effect.scoped))

  it.live("asks an owner that has ended but was not reaped no more", () =>
    Effect.gen(function*() {
      // a zombie: its parent, a shell that sleeps, never asks for its exit
      const parent = yield* child("sh", ["-c", "sleep 0 & exec sleep 1000"])
      const zombie = () => ProcessTable.all().find((info) => info.parent === parent.pid && info.state === "Z")
      yield* waitUntil(() => zombie() !== undefined, { what: "a zombie" })
      const { pid, start } = zombie()!
      const path = directory(yield* base, "abcdefgh", { ...dead, pid, start })
      yield* swept(Path.dirname(path))
      assert.isFalse(Fs.existsSync(path))
    }).pipe(Effect.scoped))
})
