/** Each way to end badly, at each place where a child can, and what is seen of it; docs/processes.md has the same table. */
import { assert, describe, it } from "@effect/vitest"
import * as Process from "effect-multiprocessing/Process"
import { ProcessError } from "effect-multiprocessing/ProcessError"
import * as ProcessLayer from "effect-multiprocessing/ProcessLayer"
import { type ProcessExited, RemoteError } from "effect-multiprocessing/RemoteError"
import type { Spawner } from "effect-multiprocessing/Spawner"
import * as Testing from "effect-multiprocessing/testing"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { Crash, once, type Place, places, type Plan, Refused, type Way, ways } from "../fixtures/crash/crash.ts"
import { folder, rounds, spawned } from "../support/spawned.ts"

/**
 * - `Tag`: the reason;
 * - `N`, `SIGNAL`, `heap`: a `ProcessExited` with this exit code, with this signal, for lack of memory;
 * - `its error`, `its answer`: nothing was lost; `lives`: nobody hears of it; `replaced`: who calls next does not notice;
 * - `-`: there is no such thing. Neither a module that is evaluated nor a finalizer has a type for its failures.
 */
const table: Record<Way, ReadonlyArray<string>> = {
  "typed failure": ["-", "LayerFailed", "DecodeFailed", "its error", "EncodeFailed", "-", "lives"],
  "defect": ["ModuleThrew", "LayerFailed", "DecodeFailed", "RemoteDefect", "EncodeFailed", "1", "lives"],
  "exit(0)": ["0", "0", "0", "0", "0", "its answer", "0, replaced"],
  "exit(3)": ["3", "3", "3", "3", "3", "3", "3, replaced"],
  "SIGKILL": ["SIGKILL", "SIGKILL", "SIGKILL", "SIGKILL", "SIGKILL", "SIGKILL", "SIGKILL, replaced"],
  "SIGSEGV": ["SIGSEGV", "SIGSEGV", "SIGSEGV", "SIGSEGV", "SIGSEGV", "SIGSEGV", "SIGSEGV, replaced"],
  "heap exhausted": ["heap", "heap", "heap", "heap", "heap", "heap", "heap, replaced"],
  "error in a timer": ["1", "1", "1", "1", "1", "1", "1, replaced"]
}

const expected = (way: Way, place: Place): string => table[way][places.indexOf(place)]!

const quiet = { decoding: "nothing", running: "nothing", encoding: "nothing" } as const

const module = new URL("../fixtures/crash/crash.live.ts", import.meta.url)

const optionsOf = (plan?: string) => ({
  argv: plan === undefined ? [] : [plan],
  execArgv: ["--max-old-space-size=64"],
  stdio: { stderr: "pipe" }
} as const)

const layer = (plan: string | undefined, size: number) =>
  ProcessLayer.make({
    module,
    services: [Crash],
    size,
    // the bystander's child is never the one that ends
    key: (call) => call.method === "hang" && call.payload.ready.endsWith("bystander") ? 1 : 0,
    ...optionsOf(plan)
  })

/** What was seen, in the words of the table. */
const seen = (exit: Exit.Exit<unknown, unknown>): string => {
  if (Exit.isSuccess(exit)) return "its answer"
  const error = Exit.findErrorOption(exit)
  assert.strictEqual(error._tag, "Some", `a typed failure, not ${exit.cause}`)
  const failure = (error as { readonly value: unknown }).value
  if (failure instanceof Refused) return "its error"
  assert.isTrue(failure instanceof RemoteError || failure instanceof ProcessError, String(failure))
  const { reason } = failure as RemoteError | ProcessError
  return reason._tag === "ProcessExited" ? exited(reason) : reason._tag
}

const exited = (reason: ProcessExited): string => {
  assert.strictEqual(reason.detail, undefined, "it ended by itself")
  return reason.outOfMemory === "heap" ? "heap" : reason.signal ?? String(reason.exitCode)
}

const isExit = (expected: string): boolean => /^(\d|SIG|heap)/.test(expected)

/** What the message of such a reason says. */
const inWords = (expected: string): string => {
  const words: Record<string, string> = {
    ModuleThrew: "threw while it was loaded",
    LayerFailed: "its Layer failed",
    heap: "out of memory (heap)"
  }
  return words[expected] ?? (expected.startsWith("SIG") ? `was killed by ${expected}` : `exited with ${expected}`)
}

/** Ten seconds mean that it hangs. A failure says in which cell. */
const cell = <A, E, R>(way: Way, place: Place, test: (expected: string) => Effect.Effect<A, E, R>) =>
  Effect.suspend(() => expected(way, place) === "-" ? Effect.void : test(expected(way, place))).pipe(
    Effect.timeoutOrElse({ duration: "10 seconds", orElse: () => Effect.die("it hangs") }),
    Effect.catchCause((cause) => Effect.die(new Error(`${way} x ${place}`, { cause: Cause.squash(cause) })))
  )

const planFile = (plan?: Plan) =>
  Effect.map(folder, (folder) => {
    const file = `${folder}/plan`
    if (plan !== undefined) writeFileSync(file, JSON.stringify(plan))
    return file
  })

const grid = (
  place: Place,
  name: string,
  test: (way: Way, expected: string) => Effect.Effect<void, unknown, Spawner | Scope.Scope>,
  many: number = ways.length
) =>
  spawned(
    `${name}, in every way`,
    Effect.forEach(ways.slice(0, many), (way) => Effect.scoped(cell(way, place, (expected) => test(way, expected))), {
      concurrency: 2,
      discard: true
    })
  )

describe("a child that ends badly", () => {
  for (const place of ["evaluation", "Layer"] as const) {
    grid(place, `at its start (${place})`, (way, expected) =>
      Effect.gen(function*() {
        const plan = yield* planFile({ place, way })
        assert.strictEqual(seen(yield* Effect.exit(Effect.scoped(Layer.build(layer(plan, 1))))), expected)
      }))

    grid(place, `at the start of a replacement (${place})`, (way, expected) =>
      Effect.gen(function*() {
        const plan = yield* planFile()
        const crash = Context.get(yield* Layer.build(layer(plan, 1)), Crash)
        writeFileSync(plan, JSON.stringify({ place, way } satisfies Plan))
        const call = crash.call({ ...quiet, running: "exit(3)" })
        assert.strictEqual(seen(yield* Effect.exit(call)), "3")
        const { reason } = yield* Effect.flip(crash.pid()) as Effect.Effect<RemoteError>
        assert.strictEqual(reason._tag, "Unavailable")
        assert.include(reason.message, inWords(expected))
      }), rounds(4, ways.length))
  }

  for (const place of ["decoding", "running", "encoding"] as const) {
    spawned(
      `in a call (${place}), in every way`,
      Effect.gen(function*() {
        const dir = yield* folder
        const crash = Context.get(yield* Layer.build(layer(undefined, 2)), Crash)
        const hang = (name: string) =>
          Effect.gen(function*() {
            const ready = `${dir}/${name}`
            const fiber = yield* Effect.forkChild(crash.hang({ ready }))
            yield* Testing.waitUntil(() => existsSync(ready) && readFileSync(ready, "utf8") !== "")
            return { fiber, pid: Number(readFileSync(ready, "utf8")) }
          })
        const bystander = yield* hang("bystander")
        for (const way of ways) {
          yield* cell(way, place, (expected) =>
            Effect.gen(function*() {
              const companion = yield* hang(`companion of ${way}`)
              assert.notStrictEqual(companion.pid, bystander.pid)
              assert.strictEqual(seen(yield* Effect.exit(crash.call({ ...quiet, [place]: way }))), expected)
              const died = isExit(expected)
              if (died) assert.strictEqual(seen(yield* Fiber.await(companion.fiber)), expected)
              // and it works, in the same process or the next one
              assert.strictEqual(companion.pid === (yield* crash.pid()), !died)
              assert.strictEqual(companion.fiber.pollUnsafe() === undefined, !died)
              assert.strictEqual(bystander.fiber.pollUnsafe(), undefined)
              yield* Fiber.interrupt(companion.fiber)
            }))
        }
        yield* Fiber.interrupt(bystander.fiber)
      })
    )

    grid(place, `in a process of its own (${place})`, (way, expected) =>
      Effect.gen(function*() {
        const process = yield* Process.start(once, { ...quiet, [place]: way }, optionsOf())
        assert.strictEqual(seen(yield* Effect.exit(process.join)), expected)
      }), rounds(4, ways.length))
  }

  grid("finalizer", "in a finalizer of its Layer", (way, expected) =>
    Effect.gen(function*() {
      const plan = yield* planFile({ place: "finalizer", way })
      const process = yield* Process.start(once, quiet, optionsOf(plan))
      assert.strictEqual(seen(yield* Effect.exit(process.join)), expected)
      // A ProcessLayer that ends has nobody to tell.
      const scope = yield* Scope.make()
      const crash = Context.get(yield* Layer.buildWithScope(layer(plan, 1), scope), Crash)
      const pid = yield* crash.pid()
      yield* Scope.close(scope, Exit.void)
      assert.isFalse(yield* Testing.isAlive(pid))
    }))

  spawned(
    "while nobody calls, in every way",
    Effect.gen(function*() {
      const dir = yield* folder
      const crash = Context.get(yield* Layer.build(layer(undefined, 1)), Crash)
      for (const way of ways) {
        yield* cell(way, "idle", (expected) =>
          Effect.gen(function*() {
            const file = `${dir}/${way}`
            const before = yield* crash.pid()
            yield* crash.later({ file, way })
            writeFileSync(file, "")
            yield* Testing.waitUntil(() => !existsSync(file))
            if (expected === "lives") return assert.strictEqual(yield* crash.pid(), before)
            yield* Testing.waitUntil(Effect.map(Testing.isAlive(before), (alive) => !alive))
            // A call that comes before its end has been noticed hears why; after that, none does.
            const next = yield* Effect.exit(crash.pid())
            if (Exit.isFailure(next)) assert.strictEqual(`${seen(next)}, replaced`, expected)
            assert.notStrictEqual(yield* crash.pid(), before)
          }))
      }
    })
  )
})

describe("a child whose code writes into the library's socket", () => {
  const scribbled = (
    name: string,
    bytes: Uint8Array,
    then: "nothing" | "exit(3)",
    expected: string
  ) =>
    spawned(
      name,
      Effect.gen(function*() {
        const crash = Context.get(yield* Layer.build(layer(undefined, 1)), Crash)
        const ready = `${yield* folder}/companion`
        const companion = yield* Effect.forkChild(crash.hang({ ready }))
        yield* Testing.waitUntil(() => existsSync(ready))
        const pid = yield* crash.pid()
        assert.strictEqual(seen(yield* Effect.exit(crash.scribble({ bytes, then }))), expected)
        assert.strictEqual(seen(yield* Fiber.await(companion)), expected)
        assert.notStrictEqual(yield* crash.pid(), pid)
        assert.isFalse(yield* Testing.isAlive(pid))
      })
    )

  scribbled("is killed for that", Buffer.alloc(100, 0xee), "nothing", "ProtocolViolation")
  // A record of which most is missing: nobody waits for the rest longer than the child lives.
  scribbled("may leave half a record behind", Buffer.from([200, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0]), "exit(3)", "3")
})

it("is documented", () => {
  const page = readFileSync(new URL("../../docs/processes.md", import.meta.url), "utf8")
  for (const way of ways) {
    const row = page.split("\n").find((line) => line.replaceAll("`", "").startsWith(`| ${way} `))
    assert.isDefined(row, way)
    const cells = row!.split("|").slice(2, -1).map((text) => text.replaceAll("`", "").trim())
    assert.deepStrictEqual(cells.map((text) => text.replace(/^exit /, "")), table[way], way)
  }
})
