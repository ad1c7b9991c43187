import { assert, describe, it } from "@effect/vitest"
import * as ProcessLayer from "effect-multiprocessing/ProcessLayer"
import { RemoteError } from "effect-multiprocessing/RemoteError"
import * as Testing from "effect-multiprocessing/testing"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as References from "effect/References"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Tracer from "effect/Tracer"
import { existsSync } from "node:fs"
import { Middle, Refused } from "../fixtures/telemetry/chain.ts"
import * as Recorder from "../fixtures/telemetry/recorder.ts"
import { folder } from "../support/spawned.ts"

const module = new URL("../fixtures/telemetry/middle.live.ts", import.meta.url)

type Spans = ReadonlyArray<Recorder.Recorded>

interface Chain {
  readonly middle: Middle["Service"]
  /** of all three processes, those that have ended so far */
  readonly spans: () => Spans
  readonly folder: string
}

/** This process asks one, which asks a third; each writes down its own spans. */
const chained = <A, E>(
  name: string,
  test: (chain: Chain) => Effect.Effect<A, E>,
  options: { readonly traced?: boolean; readonly env?: Record<string, string> } = {}
) =>
  it.live(name, () =>
    Effect.gen(function*() {
      const dir = yield* folder
      const own: Array<Recorder.Recorded> = []
      const file = `${dir}/spans`
      const hosted = ProcessLayer.make({ module, services: [Middle], env: { SPANS: file, ...options.env } })
      const spans = () => [...own, ...Recorder.recorded(file)]
      const traced = (options.traced ?? true)
        ? Layer.succeed(Tracer.Tracer, Recorder.tracer((span) => own.push(span)))
        : Layer.empty
      yield* Effect.flatMap(Middle, (middle) => test({ middle, spans, folder: dir })).pipe(
        Effect.provide(hosted),
        Effect.provide(ProcessLayer.spawn),
        Effect.provide(traced)
      )
    }).pipe(Effect.scoped))

const named = (spans: Spans, name: string, kind: string) => spans.filter((s) => s.name === name && s.kind === kind)

/** The way of one call through three processes: each span's only child of that kind. */
const wayOf = (spans: Spans, method: string, client: Recorder.Recorded) => {
  const childOf = (parent: Recorder.Recorded, name: string, kind: string) => {
    const children = named(spans, name, kind).filter((span) => span.parent === parent.spanId)
    assert.strictEqual(children.length, 1, `${name} (${kind}) in ${parent.name} (${parent.kind})`)
    return children[0]!
  }
  const server = childOf(client, `test/Middle/${method}`, "server")
  const onward = childOf(server, `test/Last/${method}`, "client")
  const last = childOf(onward, `test/Last/${method}`, "server")
  const way = [client, server, onward, last]
  assert.strictEqual(new Set(way.map((span) => span.traceId)).size, 1, "one trace")
  assert.strictEqual(server.pid, onward.pid)
  assert.strictEqual(new Set(way.map((span) => span.pid)).size, 3, "three processes")
  return way
}

const allWays = (spans: Spans, method: string) =>
  named(spans, `test/Middle/${method}`, "client").map((client) => wayOf(spans, method, client))

const endings = (way: Spans) => way.map(({ attributes, ended }) => [ended, attributes["error.type"]])

const fourTimes = <A>(value: A) => Array.from({ length: 4 }, () => value)

/** A span ends where its call has ended, which another process may know a moment later. */
const untilEnded = ({ spans }: Chain, method: string, count: number) =>
  Testing.waitUntil(() => named(spans(), `test/Last/${method}`, "server").length >= count)

describe("a trace through three processes", () => {
  chained("has a client and a server span for each of a thousand calls", (chain) =>
    Effect.gen(function*() {
      const { middle, spans } = chain
      const calls = Array.from({ length: 1000 }, (_, n) => Effect.withSpan(middle.double({ n }), `caller ${n}`))
      yield* Effect.all(calls, { concurrency: 16 })
      yield* untilEnded(chain, "double", 1000)
      const ways = allWays(spans(), "double")
      assert.strictEqual(ways.length, 1000)
      for (const name of ["test/Middle/double", "test/Last/double"]) {
        assert.strictEqual(named(spans(), name, "client").length, 1000)
        assert.strictEqual(named(spans(), name, "server").length, 1000)
      }
      const callers = new Map(spans().map((span) => [span.spanId, span.name]))
      const parents = ways.map(([client]) => callers.get(client!.parent!))
      assert.deepStrictEqual(new Set(parents), new Set(Array.from({ length: 1000 }, (_, n) => `caller ${n}`)))
      assert.strictEqual(new Set(ways.map(([client]) => client!.traceId)).size, 1000, "a trace a caller")
      // what a handler does is in its call's span
      const servers = new Set(named(spans(), "test/Last/double", "server").map((span) => span.spanId))
      const works = spans().filter((span) => span.name === "work")
      assert.strictEqual(works.length, 1000)
      assert.isTrue(works.every((work) => servers.has(work.parent!)))
      assert.deepStrictEqual(ways[0]![0]!.attributes, {
        "rpc.system.name": "effect_multiprocessing",
        "rpc.method": "test/Middle/double"
      })
    }))

  chained("goes through streams, as long as they last", (chain) =>
    Effect.gen(function*() {
      assert.strictEqual((yield* Stream.runCollect(chain.middle.count({ to: 1000 }))).length, 1000)
      assert.strictEqual((yield* Stream.runCollect(Stream.take(chain.middle.count({ to: 100_000 }), 3))).length, 3)
      yield* untilEnded(chain, "count", 2)
      const ways = allWays(chain.spans(), "count")
      assert.strictEqual(ways.length, 2)
      assert.deepStrictEqual(endings(ways[0]!), fourTimes(["success", undefined]))
      assert.strictEqual(ways[1]![0]!.ended, "success", "a consumer that has enough has not failed")
      assert.deepStrictEqual(ways[1]![3]!.ended, "interrupted")
    }))

  chained("says of failures what they were", (chain) =>
    Effect.gen(function*() {
      assert.instanceOf(yield* Effect.flip(chain.middle.refuse()), Refused)
      assert.instanceOf(yield* Effect.flip(Stream.runDrain(chain.middle.refuseElements())), Refused)
      yield* untilEnded(chain, "refuse", 1)
      yield* untilEnded(chain, "refuseElements", 1)
      for (const method of ["refuse", "refuseElements"]) {
        const [way] = allWays(chain.spans(), method)
        assert.deepStrictEqual(endings(way!), fourTimes(["failure", "Refused"]), method)
      }
    }))

  chained("says of interruptions that they were", (chain) =>
    Effect.gen(function*() {
      const ready = `${chain.folder}/ready`
      const fiber = yield* Effect.forkChild(chain.middle.hang({ ready }))
      yield* Testing.waitUntil(() => existsSync(ready))
      yield* Fiber.interrupt(fiber)
      yield* untilEnded(chain, "hang", 1)
      const [way] = allWays(chain.spans(), "hang")
      assert.deepStrictEqual(endings(way!), fourTimes(["interrupted", undefined]))
    }))

  chained("ends with the reason where a process was killed", (chain) =>
    Effect.gen(function*() {
      const ready = `${chain.folder}/ready`
      const last = yield* chain.middle.pid()
      const fiber = yield* Effect.forkChild(Effect.flip(chain.middle.hang({ ready })))
      yield* Testing.waitUntil(() => existsSync(ready))
      process.kill(last, "SIGKILL")
      assert.instanceOf(yield* Fiber.join(fiber), RemoteError)
      yield* Testing.waitUntil(() => named(chain.spans(), "test/Middle/hang", "server").length === 1)
      const spans = chain.spans()
      const [client] = named(spans, "test/Middle/hang", "client")
      const [server] = named(spans, "test/Middle/hang", "server")
      const [onward] = named(spans, "test/Last/hang", "client")
      assert.deepStrictEqual([onward!.ended, onward!.attributes["error.type"]], ["failure", "ProcessExited"])
      assert.strictEqual(onward!.parent, server!.spanId)
      assert.strictEqual(server!.parent, client!.spanId)
      assert.strictEqual(client!.ended, "failure")
      assert.deepStrictEqual(named(spans, "test/Last/hang", "server"), [], "the dead say nothing")
      // so does the life of the one that was killed
      yield* Testing.waitUntil(() => chain.spans().some((span) => span.name === "spawn test/Last"))
      const life = chain.spans().find((span) => span.name === "spawn test/Last")!
      assert.strictEqual(life.attributes["error.type"], "SIGKILL")
      assert.strictEqual(life.attributes["process.exit.code"], -9)
      assert.strictEqual(life.attributes["process.pid"], last)
    }))

  it.live("has a span for each life, and tells processes of theirs", () =>
    Effect.gen(function*() {
      const dir = yield* folder
      const file = `${dir}/spans`
      const own: Array<Recorder.Recorded> = []
      const scope = yield* Scope.make()
      const hosted = ProcessLayer.make({ module, services: [Middle], env: { SPANS: file } })
      const services = yield* Layer.buildWithScope(
        Layer.provide(hosted, ProcessLayer.spawn).pipe(
          Layer.provide(Layer.parentSpan(Tracer.externalSpan({ traceId: "4".repeat(32), spanId: "2".repeat(16) }))),
          Layer.provide(Layer.succeed(Tracer.Tracer, Recorder.tracer((span) => own.push(span))))
        ),
        scope
      )
      const told = yield* Effect.flatMap(Middle, (middle) => middle.told()).pipe(Effect.provideContext(services))
      yield* Scope.close(scope, Exit.void)
      const middle = own.find((span) => span.name === "spawn test/Middle")!
      const last = Recorder.recorded(file).find((span) => span.name === "spawn test/Last")!
      assert.strictEqual(middle.traceId, "4".repeat(32))
      assert.strictEqual(middle.parent, "2".repeat(16))
      assert.strictEqual(last.parent, middle.spanId, "who is started while a process starts is in its life")
      assert.strictEqual(told.traceParent, `00-${last.traceId}-${last.spanId}-01`)
      assert.deepStrictEqual([middle.ended, middle.attributes["process.exit.code"]], ["success", 0])
      assert.strictEqual(middle.attributes["process.executable.name"], "node")
    }).pipe(Effect.scoped))

  chained("is none where no tracer is installed, but what is known of one goes on", (chain) =>
    Effect.gen(function*() {
      yield* chain.middle.double({ n: 1 })
      yield* untilEnded(chain, "double", 1)
      const before = named(chain.spans(), "test/Middle/double", "client")
      assert.deepStrictEqual(before, [])
      const [root] = named(chain.spans(), "test/Middle/double", "server")
      assert.strictEqual(root!.parent, undefined)
      const elsewhere = Tracer.externalSpan({ traceId: "a".repeat(32), spanId: "b".repeat(16) })
      yield* Effect.withParentSpan(chain.middle.double({ n: 2 }), elsewhere)
      yield* untilEnded(chain, "double", 2)
      const known = named(chain.spans(), "test/Middle/double", "server").find((span) => span !== root && span.parent)
      assert.strictEqual(known!.parent, "b".repeat(16))
      assert.strictEqual(known!.traceId, "a".repeat(32))
    }), { traced: false })

  chained("keeps to itself what must not be known elsewhere", (chain) =>
    Effect.gen(function*() {
      const hidden = { annotations: Context.make(Tracer.DisablePropagation, true) }
      yield* chain.middle.double({ n: 1 }).pipe(
        Effect.withTracerEnabled(false),
        Effect.withSpan("hidden", hidden),
        Effect.withSpan("shown")
      )
      yield* untilEnded(chain, "double", 1)
      assert.deepStrictEqual(named(chain.spans(), "test/Middle/double", "client"), [])
      const [server] = named(chain.spans(), "test/Middle/double", "server")
      assert.strictEqual(server!.parent, named(chain.spans(), "shown", "internal")[0]!.spanId)
    }))
})

describe("a call takes along", () => {
  chained(
    "the annotations and the level of its caller's logs, through every process",
    (chain) =>
      Effect.gen(function*() {
        const plain = yield* chain.middle.told()
        assert.deepStrictEqual(plain.annotations, {})
        assert.strictEqual(plain.logLevel, "Info")
        const told = yield* chain.middle.told().pipe(
          Effect.annotateLogs({ request: 7, user: "ada", list: [1, 2], nothing: null, absent: undefined }),
          Effect.provideService(References.MinimumLogLevel, "Debug")
        )
        assert.strictEqual(told.logLevel, "Debug")
        assert.deepStrictEqual(told.annotations, {
          request: 7,
          user: "ada",
          list: "[1,2]",
          nothing: null,
          absent: "undefined"
        })
        assert.strictEqual((yield* chain.middle.told()).logLevel, "Info", "nobody else's")
      })
  )

  it.live("them into the lines that its handler logs, which arrive where the call came from", () => {
    const lines: Array<unknown> = []
    const logger = Logger.make<unknown, void>(({ fiber, logLevel, message }) => {
      const { pid: _, process: __, ...annotations } = fiber.getRef(References.CurrentLogAnnotations)
      lines.push([logLevel, message, annotations])
    })
    return Effect.gen(function*() {
      const file = `${yield* folder}/spans`
      const told = Effect.flatMap(Middle, (middle) =>
        Effect.andThen(
          middle.told().pipe(
            Effect.annotateLogs({ request: 7 }),
            Effect.provideService(References.MinimumLogLevel, "Debug")
          ),
          // at the level of the program the same says nothing
          middle.told()
        ))
      yield* told.pipe(
        Effect.provide(ProcessLayer.make({ module, services: [Middle], env: { SPANS: file } })),
        Effect.provide(ProcessLayer.spawn)
      )
      assert.deepStrictEqual(lines, [["Debug", ["asked"], { request: 7 }]])
    }).pipe(Effect.scoped, Effect.provideService(References.CurrentLoggers, new Set([logger])))
  })

  chained("no annotations that are too many, and its level nevertheless", (chain) =>
    Effect.gen(function*() {
      const told = yield* chain.middle.told().pipe(
        Effect.annotateLogs(Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`${i}`, "x".repeat(1000)]))),
        Effect.provideService(References.MinimumLogLevel, "Trace")
      )
      assert.deepStrictEqual(told.annotations, {})
      assert.strictEqual(told.logLevel, "Trace")
    }))

  chained("no trace state of another trace", (chain) =>
    Effect.gen(function*() {
      const told = yield* chain.middle.told()
      assert.strictEqual(told.traceState, undefined)
      assert.match(told.traceParent!, /^00-[\da-f]{32}-[\da-f]{16}-01$/)
      assert.notInclude(told.traceParent!, "5".repeat(32))
    }), { env: { TRACEPARENT: `00-${"5".repeat(32)}-${"6".repeat(16)}-01`, TRACESTATE: "vendor=1" } })
})
