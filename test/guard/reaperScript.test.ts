import { assert, describe, it } from "@effect/vitest"
import { isAliveUnsafe, kill, waitUntil } from "effect-multiprocessing/testing"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as ChildProcess from "node:child_process"
import * as Fs from "node:fs"
import type * as Net from "node:net"
import * as Path from "node:path"
import * as ProcessTable from "../../src/guard/internal/processTable.ts"
import * as ReaperScript from "../../src/guard/internal/reaperScript.ts"
import * as Records from "../../src/guard/internal/records.ts"
import { allDead, type Child, child, families, ready } from "../support/owned.ts"
import { folder } from "../support/spawned.ts"

const which = (name: string): ReadonlyArray<string> =>
  (process.env.PATH ?? "").split(":").map((path) => Path.join(path, name)).filter((path) => Fs.existsSync(path))

/** What the script needs besides the shell. */
const tools = ["grep", "readlink", "rm", "sleep", "stat"]

interface Shell {
  readonly name: string
  readonly command: string
  readonly args: ReadonlyArray<string>
  /** all its tools are its own too */
  readonly applets: boolean
}

const shell = (name: string, ...args: ReadonlyArray<string>): ReadonlyArray<Shell> =>
  which(name).slice(0, 1).map((command) => ({ name, command, args, applets: name === "busybox" }))

/** Those of the shells that people have as their /bin/sh which this machine has. */
const shells = [...shell("sh"), ...shell("dash"), ...shell("bash", "--posix"), ...shell("busybox", "sh")]

type Owner = Pick<Child, "pid" | "start">

/** A run directory made by hand, whose owner is a process that the test may kill. */
const guarded = Effect.fnUntraced(function*(shell: Shell, someOwner?: Owner) {
  const tmp = yield* folder
  const dir = `${tmp}/emp-0/a1b2c3d4`
  Fs.mkdirSync(dir, { recursive: true })
  Records.makeFolders(dir)
  const bin = `${tmp}/bin`
  Fs.mkdirSync(bin)
  if (shell.applets) { for (const tool of tools) Fs.symlinkSync(shell.command, `${bin}/${tool}`) }
  const owner = someOwner ?? (yield* child("sleep", ["1000"]))
  const mark = `${dir}:${owner.pid}:${owner.start}`
  const told = [dir, `${owner.pid}`, owner.start, `EFFECT_MULTIPROCESSING_RUN=${mark}`]
  const { pid, pipe } = yield* Effect.acquireRelease(
    Effect.sync(() => {
      const child = ChildProcess.spawn(
        shell.command,
        [...shell.args, "-c", ReaperScript.command, ReaperScript.reaperName, ...told],
        {
          env: {
            PATH: shell.applets ? bin : process.env.PATH,
            [ReaperScript.scriptVariable]: ReaperScript.script
          },
          stdio: ["ignore", "ignore", "ignore", "pipe"]
        }
      )
      const end = new Promise((resolve) => child.once("exit", resolve))
      return {
        end,
        pid: child.pid!,
        pipe: child.stdio[ReaperScript.descriptor] as Net.Socket,
        kill: () => child.kill("SIGKILL")
      }
    }),
    ({ end, kill }) => Effect.andThen(Effect.sync(kill), Effect.promise(() => end))
  )
  return {
    tmp,
    dir,
    mark,
    owner,
    shell: pid,
    record: (name: string) => Fs.writeFileSync(`${dir}/c/${name}`, ""),
    closePipe: () => void pipe.end(),
    ownerDies: Effect.gen(function*() {
      yield* kill(owner.pid)
      yield* allDead([owner.pid])
      pipe.end()
      yield* allDead([pid])
    })
  }
})

/** Page faults of the children that a process has reaped: more of them mean that it has waited in between. */
const waitsSoFar = (pid: number) => Number(Fs.readFileSync(`/proc/${pid}/stat`, "latin1").split(") ")[1]!.split(" ")[8])

const sleeper = child("sleep", ["1000"])

for (const shell of shells) {
  describe(`the Reaper's script under ${shell.name}`, () => {
    it.live("kills whom the records name, and their groups", () =>
      Effect.gen(function*() {
        const { dir, ownerDies, record } = yield* guarded(shell)
        const family = yield* child("sh", ["-c", "sleep 1000 & sleep 1000 & wait"])
        const members = yield* families([family.pid], 3)
        const single = yield* sleeper
        record(`${family.pid}.${family.start}.g`)
        record(`${single.pid}.${single.start}.p`)
        yield* ownerDies
        assert.isFalse(Fs.existsSync(dir))
        yield* allDead([...members, single.pid])
      }))

    it.live("spares everybody else", () =>
      Effect.gen(function*() {
        const { dir, ownerDies, record, tmp } = yield* guarded(shell)
        const { pid, start } = yield* sleeper
        const names = [
          // another process had this pid
          `${pid}.${Number(start) - 1}.g`,
          `${pid}.${start}0.g`,
          `${pid}..g`,
          `${pid}`,
          `${pid}.${start}`,
          // what kill takes for groups or for everybody
          `-${pid}.${start}.g`,
          `-1.${start}.g`,
          `0.${start}.g`,
          `1.${ProcessTable.startTime(1) ?? 0}.g`,
          `0${pid}.${start}.g`,
          `0x${pid.toString(16)}.${start}.g`,
          `00000000001.${start}.g`,
          `18446744073709551615.${start}.g`,
          `4294967295.${start}.g`,
          // what a shell takes for programs
          `$(touch ${tmp.replaceAll("/", "_")}).g`,
          "`kill -9 $PPID`",
          "; rm -rf ..",
          "$(kill -9 0).1.g",
          "2.$(kill -9 0).g",
          "a b.c d.g",
          "2.*.g",
          "2.a\nb.g",
          "*",
          "..."
        ]
        for (const name of names) record(name)
        const strangers = ProcessTable.all().filter(({ state }) => state !== "Z").length
        yield* ownerDies
        assert.isFalse(Fs.existsSync(dir))
        assert.isTrue(isAliveUnsafe(pid))
        assert.isAbove(strangers, 1)
      }))

    it.live("kills a group without its leader only if one of it has our mark", () =>
      Effect.gen(function*() {
        const { mark, ownerDies, record } = yield* guarded(shell)
        const orphans = (value: string) => child("sh", ["-c", "sleep 1000 &"], { EFFECT_MULTIPROCESSING_RUN: value })
        const ours = yield* orphans(mark)
        // a daemon that has got the number of a child of ours looks just like this
        const stranger = yield* orphans("")
        yield* ours.end
        yield* stranger.end
        const [left] = yield* families([ours.pid], 1)
        const [spared] = yield* families([stranger.pid], 1)
        record(`${ours.pid}.${ours.start}.g`)
        record(`${stranger.pid}.${stranger.start}.g`)
        yield* ownerDies
        yield* allDead([left!])
        assert.isTrue(isAliveUnsafe(spared!))
      }))

    it.live("kills a process whatever it is called", () =>
      Effect.gen(function*() {
        const { ownerDies, record, tmp } = yield* guarded(shell)
        const pids: Array<number> = []
        for (const name of ["a) Z (b", "x\ny) 1", ") S 1 1 1"]) {
          Fs.copyFileSync("/bin/sleep", `${tmp}/${name}`)
          const { pid, start } = yield* child(`${tmp}/${name}`, ["1000"])
          assert.include(Fs.readFileSync(`/proc/${pid}/comm`, "utf8"), name)
          record(`${pid}.${start}.g`)
          pids.push(pid)
        }
        yield* ownerDies
        yield* allDead(pids)
      }))

    it.live("unlinks the files that the records name, and no others", () =>
      Effect.gen(function*() {
        const { dir, ownerDies, tmp } = yield* guarded(shell)
        const files = `${tmp}/files`
        Fs.mkdirSync(`${files}/full`, { recursive: true })
        let serial = 0
        const add = (name: string, inode?: bigint) => {
          if (!Fs.existsSync(`${files}/${name}`)) Fs.writeFileSync(`${files}/${name}`, "")
          const { dev, ino } = Fs.lstatSync(`${files}/${name}`, { bigint: true })
          Fs.symlinkSync(`${files}/${name}`, `${dir}/p/${dev}.${inode ?? ino}.${serial++}`)
        }
        for (const name of ["plain", "with space", "$(rm x) `y` 'z' \"*\" \\", "-rf"]) add(name)
        Fs.writeFileSync(`${files}/target`, "")
        Fs.symlinkSync(`${files}/target`, `${files}/link`)
        add("link")
        // neither another file of that name, nor a directory, nor a path that is relative, nor what is no link
        add("replaced", 1n)
        add("full")
        Fs.writeFileSync(`${files}/full/file`, "")
        Fs.symlinkSync("plain", `${dir}/p/1.1.90`)
        Fs.writeFileSync(`${dir}/p/1.1.91`, "/etc/passwd")
        Fs.symlinkSync(`${files}/nowhere`, `${dir}/p/1.1.92`)
        yield* ownerDies
        assert.isFalse(Fs.existsSync(dir))
        assert.sameMembers(Fs.readdirSync(files), ["target", "replaced", "full"])
        assert.deepStrictEqual(Fs.readdirSync(`${files}/full`), ["file"])
      }))

    it.live("removes the directories that the records name, with what is in them, and no others", () =>
      Effect.gen(function*() {
        const { dir, ownerDies, tmp } = yield* guarded(shell)
        const files = `${tmp}/files`
        let serial = 0
        const add = (name: string, folder: string, inode?: bigint) => {
          Fs.mkdirSync(`${files}/${name}/in`, { recursive: true })
          const { dev, ino } = Fs.lstatSync(`${files}/${name}`, { bigint: true })
          Fs.symlinkSync(`${files}/${name}`, `${dir}/${folder}/${dev}.${inode ?? ino}.${serial++}`)
        }
        for (const name of ["plain", "with space", "$(rm x) `y` 'z' \"*\" \\", "-rf"]) add(name, "d")
        // neither another one of that name, nor one among the files, nor what has become a file or a link meanwhile
        add("replaced", "d", 1n)
        add("unasked", "p")
        for (const name of ["file", "link"]) add(name, "d")
        for (const name of ["file", "link"]) Fs.rmSync(`${files}/${name}`, { recursive: true })
        Fs.writeFileSync(`${files}/file`, "")
        Fs.symlinkSync(`${files}/replaced`, `${files}/link`)
        const { dev, ino } = Fs.lstatSync(`${files}/link`, { bigint: true })
        Fs.symlinkSync(`${files}/link`, `${dir}/d/${dev}.${ino}.90`)
        yield* ownerDies
        assert.isFalse(Fs.existsSync(dir))
        assert.sameMembers(Fs.readdirSync(files), ["replaced", "unasked", "file", "link"])
        assert.deepStrictEqual(Fs.readdirSync(`${files}/replaced`), ["in"])
      }))

    it.live("touches nothing while the owner lives, though the pipe has ended", () =>
      Effect.gen(function*() {
        const { closePipe, dir, owner, record, shell: pid } = yield* guarded(shell)
        const { pid: spared, start } = yield* sleeper
        record(`${spared}.${start}.g`)
        closePipe()
        // it asks, waits, and asks again
        const waits = () => ProcessTable.descendants(pid)[0]?.pid
        yield* waitUntil(() => waits() !== undefined, { interval: 1, what: "its first wait" })
        const first = waits()
        yield* waitUntil(() => waits() !== undefined && waits() !== first, { interval: 1, what: "another wait" })
        assert.isTrue(isAliveUnsafe(spared))
        yield* kill(owner.pid)
        yield* allDead([spared, pid])
        assert.isFalse(Fs.existsSync(dir))
      }))

    it.live("touches nothing while it cannot see whether the owner lives", () =>
      Effect.gen(function*() {
        const { closePipe, owner, record, shell: pid } = yield* guarded(shell)
        const { pid: spared, start } = yield* sleeper
        record(`${spared}.${start}.g`)
        const limit = (descriptors: string) =>
          ChildProcess.execFileSync("prlimit", ["--pid", `${pid}`, `--nofile=${descriptors}:`])
        yield* ready(pid)
        limit("4")
        const before = waitsSoFar(pid)
        closePipe()
        yield* waitUntil(() => waitsSoFar(pid) > before, { interval: 1, what: "its first wait" })
        assert.isTrue(isAliveUnsafe(spared))
        limit("100")
        yield* kill(owner.pid)
        yield* allDead([spared, pid])
      }))

    it.live("forgets nobody while it cannot see whom to kill", () =>
      Effect.gen(function*() {
        const { dir, ownerDies, record, shell: pid } = yield* guarded(shell)
        const { pid: child, start } = yield* sleeper
        record(`${child}.${start}.g`)
        yield* ready(pid)
        ChildProcess.execFileSync("prlimit", ["--pid", `${pid}`, "--nofile=4:"])
        const dying = yield* Effect.forkChild(ownerDies)
        yield* waitUntil(() => waitsSoFar(pid) > 0, { interval: 1, what: "its first wait" })
        assert.isTrue(Fs.existsSync(dir))
        ChildProcess.execFileSync("prlimit", ["--pid", `${pid}`, "--nofile=100:"])
        yield* Fiber.join(dying)
        yield* allDead([child])
        assert.isFalse(Fs.existsSync(dir))
      }))

    it.live("ends when a sweeper has done its work", () =>
      Effect.gen(function*() {
        const { dir, ownerDies, shell: pid } = yield* guarded(shell)
        Fs.unlinkSync(`${dir}/c/${Records.sentinel}`)
        const dying = yield* Effect.forkChild(ownerDies)
        yield* waitUntil(() => waitsSoFar(pid) > 0, { interval: 1, what: "its first wait" })
        Fs.rmSync(dir, { recursive: true })
        yield* Fiber.join(dying)
      }))

    it.live("takes an owner that has ended for dead, though nobody has reaped it", () =>
      Effect.gen(function*() {
        const parent = yield* child("sh", ["-c", "sleep 1000 & exec sleep 1000"])
        const find = () => ProcessTable.all().find((info) => info.parent === parent.pid)
        yield* waitUntil(() => find() !== undefined && ProcessTable.commandLine(parent.pid)[0] === "sleep", {
          what: "a parent that does not reap"
        })
        const owner = find()!
        const { dir, ownerDies } = yield* guarded(shell, owner)
        yield* ownerDies
        assert.strictEqual(ProcessTable.read(owner.pid)?.state, "Z")
        assert.isFalse(Fs.existsSync(dir))
      }))

    it.live("kills nobody for an owner's pid that has been given to another process", () =>
      Effect.gen(function*() {
        // the owner's record is older than the process: so the owner is gone, and its pid means nothing
        const { dir, ownerDies, record, shell: pid } = yield* guarded(shell)
        const { pid: spared } = yield* sleeper
        record(`${spared}.1.g`)
        yield* ownerDies
        yield* allDead([pid])
        assert.isTrue(isAliveUnsafe(spared))
        assert.isFalse(Fs.existsSync(dir))
      }))

    it.live("ends at once when the directory is gone", () =>
      Effect.gen(function*() {
        const { closePipe, dir, owner, shell: pid } = yield* guarded(shell)
        Fs.rmSync(dir, { recursive: true })
        closePipe()
        yield* allDead([pid])
        assert.isTrue(isAliveUnsafe(owner.pid))
      }))

    it.live("never follows a link in place of the directory", () =>
      Effect.gen(function*() {
        const { dir, ownerDies, tmp } = yield* guarded(shell)
        const { pid, start } = yield* sleeper
        Fs.renameSync(dir, `${tmp}/elsewhere`)
        Fs.writeFileSync(`${tmp}/elsewhere/c/${pid}.${start}.g`, "")
        Fs.symlinkSync(`${tmp}/elsewhere`, dir)
        yield* ownerDies
        assert.isTrue(isAliveUnsafe(pid))
        assert.isTrue(Fs.existsSync(`${tmp}/elsewhere/c`))
      }))
  })
}
