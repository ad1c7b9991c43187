import { assert, describe } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import * as SchemaTransformation from "effect/SchemaTransformation"
import { CallTimeout, ProcessExited, RemoteError, type RemoteErrorReason } from "../../src/wire/RemoteError.ts"
import type { Session } from "../../src/wire/Session.ts"
import { across } from "../support/carriers.ts"
import { Boom, connected, method, served } from "../support/sessions.ts"
import { until } from "../support/until.ts"

const echo = method("test/echo", { payload: Schema.Struct({ n: Schema.Number }), success: Schema.Number })
const blob = method("test/blob", { payload: Schema.Uint8Array, success: Schema.Uint8Array })
const fails = method("test/fails", { payload: Schema.String, error: Boom })
const hang = method("test/hang", { payload: Schema.Int, success: Schema.Int })

const test = across

/** Why a call was not answered. */
const reasonOf = (call: Effect.Effect<unknown, unknown, any>): Effect.Effect<RemoteErrorReason> =>
  Effect.map(Effect.flip(call), (error) => {
    assert.instanceOf(error, RemoteError)
    return error.reason
  }) as Effect.Effect<RemoteErrorReason>

const isAlive = (a: Session) => Effect.map(a.call(echo, { n: 1 }), (answer) => assert.strictEqual(answer, 1))

const echoed = served(echo, ({ n }) => Effect.succeed(n))

describe("a call", () => {
  test(
    "is answered, at once or by a fiber",
    Effect.gen(function*() {
      const slow = method("test/slow", { payload: Schema.Int, success: Schema.Int })
      const { a } = yield* connected([echoed, served(slow, (n: number) => Effect.as(Effect.sleep(1), n * 2))])
      assert.strictEqual(yield* a.call(echo, { n: 41 }), 41)
      const answers = yield* Effect.forEach([1, 2, 3], (n) => a.call(slow, n), { concurrency: "unbounded" })
      assert.deepStrictEqual(answers, [2, 4, 6])
      assert.strictEqual(a.inFlight(), 0)
    })
  )

  test(
    "goes both ways, also from within a handler",
    Effect.gen(function*() {
      const down = method("test/down", { payload: Schema.Int, success: Schema.Int })
      const ends: Array<Session> = []
      const handler = (end: number) => (n: number) =>
        n === 0 ? Effect.succeed(0) : Effect.map(ends[end]!.call(down, n - 1), (rest) => (rest as number) + 1)
      const { a, b } = yield* connected([served(down, handler(1))], { a: { serve: [served(down, handler(0))] } })
      ends.push(a, b)
      assert.strictEqual(yield* a.call(down, 50), 50)
      assert.strictEqual(yield* b.call(down, 51), 51)
    })
  )

  test(
    "carries bytes of every size",
    Effect.gen(function*() {
      const { a } = yield* connected([served(blob, (bytes) => Effect.succeed(bytes))])
      const edge = 256 << 10
      const sizes = [0, 1, 255, 256, 16_383, 16_384, 65_536, edge - 18, edge - 17, edge - 16, edge, edge + 1, 3 << 20]
      yield* Effect.forEach(sizes, (size) => {
        const bytes = Uint8Array.from({ length: size }, (_, i) => (i * 7 + size) & 255)
        return Effect.map(
          a.call(blob, bytes),
          (answer) => assert.isTrue(Buffer.from(bytes).equals(answer as Uint8Array))
        )
      }, { concurrency: 4 })
    })
  )

  test(
    "owns its bytes, whatever arrives later",
    Effect.gen(function*() {
      const Both = Schema.Struct({ text: Schema.String, bytes: Schema.Uint8Array })
      const both = method("test/both", { payload: Both, success: Both })
      const text = method("test/text", { payload: Schema.String, success: Schema.String })
      const kept: Array<Uint8Array> = []
      const { a } = yield* connected([
        served(both, (value: typeof Both.Type) => {
          kept.push(value.bytes)
          return Effect.succeed(value)
        }),
        served(text, (value) => Effect.succeed(value))
      ])
      for (let i = 0; i < 10; i++) {
        const long = String(i).repeat(400_000)
        assert.strictEqual(yield* a.call(text, long), long)
        const value = { text: long, bytes: new Uint8Array(100 + i).fill(i) }
        const answer = yield* a.call(both, value) as Effect.Effect<typeof Both.Type>
        assert.deepStrictEqual(answer, value)
        kept.push(answer.bytes)
      }
      kept.forEach((bytes, i) => assert.isTrue(bytes.every((byte) => byte === i >> 1)))
    })
  )

  test(
    "of one fiber arrives in order",
    Effect.gen(function*() {
      const note = method("test/note", { payload: Schema.Int })
      const seen: Array<number> = []
      const { a } = yield* connected([served(note, (n: number) => Effect.sync(() => void seen.push(n)))])
      yield* Effect.forEach(Array.from({ length: 200 }, (_, i) => i), (n) => a.call(note, n))
      assert.deepStrictEqual(seen, Array.from({ length: 200 }, (_, i) => i))
    })
  )

  test(
    "runs its handler in the session's context, with a Scope that closes before the answer",
    Effect.gen(function*() {
      class Greeting extends Context.Service<Greeting, string>()("test/Greeting") {}
      const greet = method("test/greet", { success: Schema.String })
      const log: Array<string> = []
      const { a } = yield* connected([
        served(greet, () =>
          Effect.gen(function*() {
            yield* Effect.addFinalizer((exit) => Effect.sync(() => log.push(`finalizer: ${exit._tag}`)))
            return yield* Greeting
          }))
      ], { b: { context: Context.make(Greeting, "hello") } })
      assert.strictEqual(yield* a.call(greet, undefined), "hello")
      assert.deepStrictEqual(log, ["finalizer: Success"])
    })
  )

  test(
    "uses codecs that need services and fibers, on both sides",
    Effect.gen(function*() {
      class Offset extends Context.Service<Offset, number>()("test/Offset") {}
      const Shifted = Schema.Number.pipe(Schema.decodeTo(
        Schema.Number,
        SchemaTransformation.transformEffect<number, number, Offset, Offset>({
          decode: (n) => Effect.delay(Effect.map(Offset, (offset) => n - offset), 1),
          encode: (n) => Effect.delay(Effect.map(Offset, (offset) => n + offset), 1)
        })
      ))
      const shift = method("test/shift", { payload: Shifted, success: Shifted, error: Shifted })
      const seen: Array<number> = []
      const { a } = yield* connected([
        served(shift, (n: number) => {
          seen.push(n)
          return n > 5 ? Effect.fail(n) : Effect.succeed(n)
        })
      ], { a: { context: Context.make(Offset, 100) }, b: { context: Context.make(Offset, 70) } })
      // 5 is 105 on the wire, 35 there; the way back the same the other way round
      assert.strictEqual(yield* Effect.flip(a.call(shift, 5)), 5)
      assert.deepStrictEqual(seen, [35])
      assert.strictEqual(yield* a.call(shift, -30), -30)
    })
  )
})

describe("a failure", () => {
  test(
    "that is declared is the same error",
    Effect.gen(function*() {
      const { a } = yield* connected([served(fails, (why: string) => Effect.fail(new Boom({ why })))])
      const error = yield* Effect.flip(a.call(fails, "typed"))
      assert.instanceOf(error, Boom)
      assert.strictEqual((error as Boom).why, "typed")
    })
  )

  test(
    "of a gateway's own call passes as what it is",
    Effect.gen(function*() {
      const reason = new ProcessExited({
        name: "resizer",
        pid: 7,
        exitCode: -9,
        signal: "SIGKILL",
        stderr: undefined,
        outOfMemory: "unknown",
        detail: undefined
      })
      const { a } = yield* connected([served(fails, () => Effect.fail(new RemoteError({ reason })))])
      assert.deepStrictEqual(yield* reasonOf(a.call(fails, "")), reason)
    })
  )

  test(
    "that is not declared is EncodeFailed, with what it was",
    Effect.gen(function*() {
      const { a } = yield* connected([echoed, served(hang, () => Effect.fail("undeclared"))])
      const reason = yield* reasonOf(a.call(hang, 1))
      assert.strictEqual(reason._tag, "EncodeFailed")
      assert.include(reason.message, "error")
      assert.include(reason.message, "undeclared")
      yield* isAlive(a)
    })
  )

  test(
    "to encode the payload leaves no trace",
    Effect.gen(function*() {
      const { a, left } = yield* connected([echoed], { pair: { record: true } })
      yield* isAlive(a)
      const before = left.written().length
      const reason = yield* reasonOf(a.call(echo, { n: "text" }))
      assert.strictEqual(reason._tag, "EncodeFailed")
      assert.include(reason.message, "payload")
      yield* Effect.yieldNow
      assert.strictEqual(left.written().length, before)
      assert.strictEqual(a.inFlight(), 0)
      yield* isAlive(a)
    })
  )

  test(
    "of the byte writer leaves no trace either",
    Effect.gen(function*() {
      const any = method("test/any", { payload: Schema.Any, success: Schema.Any })
      const { a } = yield* connected([echoed, served(any, (value) => Effect.succeed(value === 1 ? () => {} : value))])
      const reason = yield* reasonOf(a.call(any, { deep: [{ f: () => {} }] }))
      assert.strictEqual(reason._tag, "EncodeFailed")
      assert.include(reason.message, "function")
      const result = yield* reasonOf(a.call(any, 1))
      assert.strictEqual(result._tag, "EncodeFailed")
      assert.include(result.message, "success")
      const throwing = yield* reasonOf(a.call(any, {
        get trap() {
          throw new Error("trapped")
        }
      }))
      assert.strictEqual(throwing._tag, "EncodeFailed")
      assert.include(throwing.message, "trapped")
      yield* isAlive(a)
    })
  )

  test(
    "of a getter that calls while its object is being written is none",
    Effect.gen(function*() {
      const any = method("test/any", { payload: Schema.Any, success: Schema.Any })
      const { a } = yield* connected([echoed, served(any, (value) => Effect.succeed(value))])
      const inner: Array<Fiber.Fiber<unknown, unknown>> = []
      const payload = {
        get n() {
          inner.push(Effect.runFork(a.call(echo, { n: 7 }) as Effect.Effect<unknown>))
          a.release(1)
          return 1
        }
      }
      assert.deepStrictEqual(yield* a.call(any, payload), { n: 1 })
      assert.strictEqual(yield* Fiber.join(inner[0]!), 7)
    })
  )

  test(
    "to decode fails that call only",
    Effect.gen(function*() {
      // The same fingerprint, but the types disagree: what a peer does that lies about its contract.
      const lie = { ...method("test/lie", { payload: Schema.String, success: Schema.String, error: Schema.String }) }
      const truth = method("test/lie", { payload: Schema.Int, success: Schema.Int, error: Schema.Int })
      const asked = { ...lie, fingerprint: truth.fingerprint }
      const { a } = yield* connected([
        echoed,
        served(truth, (n: number) => n === 0 ? Effect.fail(n) : Effect.succeed(n))
      ])
      const payload = yield* reasonOf(a.call(asked, "text"))
      assert.strictEqual(payload._tag, "DecodeFailed")
      assert.include(payload.message, "payload")
      const answers = { ...asked, payload: truth.payload }
      const success = yield* reasonOf(a.call(answers, 1))
      assert.deepInclude(success, { _tag: "DecodeFailed", part: "success" })
      const error = yield* reasonOf(a.call(answers, 0))
      assert.deepInclude(error, { _tag: "DecodeFailed", part: "error" })
      yield* isAlive(a)
    })
  )

  test(
    "because the record would be too large is TooLarge on either side",
    Effect.gen(function*() {
      const grow = method("test/grow", { payload: Schema.Uint8Array, success: Schema.Uint8Array })
      const { a } = yield* connected(
        [echoed, served(grow, (bytes: Uint8Array) => Effect.succeed(new Uint8Array(bytes.length * 2)))],
        { a: { maxRecord: 1 << 20 }, b: { maxRecord: 600 << 10 } }
      )
      const payload = yield* reasonOf(a.call(grow, new Uint8Array(600 << 10)))
      const size = (600 << 10) + 5 + 12
      assert.deepInclude(payload, { _tag: "TooLarge", part: "payload", size, limit: 600 << 10 })
      const success = yield* reasonOf(a.call(grow, new Uint8Array(550 << 10)))
      assert.deepInclude(success, { _tag: "TooLarge", part: "success", limit: 1 << 20 })
      yield* isAlive(a)
    })
  )

  describe("by a defect", () => {
    const cases: ReadonlyArray<[string, () => unknown, { name: string | RegExp; message: string | RegExp }]> = [
      ["an Error", () => new TypeError("bad"), { name: "TypeError", message: "bad" }],
      ["a string", () => "text", { name: "string", message: "text" }],
      ["undefined", () => undefined, { name: "undefined", message: "undefined" }],
      ["null", () => null, { name: "object", message: "null" }],
      ["a symbol", () => Symbol("s"), { name: "symbol", message: /s/ }],
      ["a plain object", () => ({ a: 1 }), { name: "object", message: /a/ }],
      ["a cycle", () => {
        const cycle: Record<string, unknown> = {}
        cycle.self = cycle
        return cycle
      }, { name: "object", message: /./ }],
      ["getters that throw", () =>
        Object.defineProperties(new Error("x"), {
          name: {
            get: () => {
              throw new Error("no name")
            }
          },
          message: {
            get: () => {
              throw new Error("no message")
            }
          },
          stack: {
            get: () => {
              throw new Error("no stack")
            }
          }
        }), { name: /./, message: /./ }],
      ["a proxy that throws", () =>
        new Proxy({}, {
          get: () => {
            throw new Error("no")
          },
          ownKeys: () => {
            throw new Error("no")
          },
          getPrototypeOf: () => {
            throw new Error("no")
          }
        }), { name: /./, message: /./ }],
      ["ten megabytes of message", () => new Error("x".repeat(10 << 20)), { name: "Error", message: /^x{1000}/ }],
      ["fields of other types", () => Object.assign(new Error("x"), { name: 7, message: { deep: true }, stack: 12n }), {
        name: /./,
        message: /./
      }]
    ]
    for (const [what, defect, expected] of cases) {
      test(
        `of ${what} is a RemoteDefect`,
        Effect.gen(function*() {
          const { a } = yield* connected([
            echoed,
            served(hang, (n: number) => {
              if (n === 0) throw defect()
              return n === 1
                ? Effect.sync(() => {
                  throw defect()
                })
                : Effect.delay(Effect.die(defect()), 1)
            })
          ])
          for (const how of [0, 1, 2]) {
            const reason = yield* reasonOf(a.call(hang, how))
            assert.strictEqual(reason._tag, "RemoteDefect")
            if (reason._tag !== "RemoteDefect") return
            const { errorMessage, errorName, remoteStack } = reason
            assert.match(errorName, new RegExp(expected.name))
            assert.match(errorMessage, new RegExp(expected.message))
            assert.isBelow(errorName.length + errorMessage.length + remoteStack.length, 64 << 10)
          }
          yield* isAlive(a)
        })
      )
    }

    test(
      "keeps the remote stack",
      Effect.gen(function*() {
        const { a } = yield* connected([served(hang, () =>
          Effect.sync(function inTheHandler() {
            throw new Error("x")
          }))])
        const reason = yield* reasonOf(a.call(hang, 1))
        assert.include(JSON.stringify(reason), "inTheHandler")
      })
    )

    test(
      "of a handler that gives no Effect names the method",
      Effect.gen(function*() {
        const { a } = yield* connected([{ method: hang, handle: () => Promise.resolve(1) as never }])
        const reason = yield* reasonOf(a.call(hang, 1))
        assert.strictEqual(reason._tag, "RemoteDefect")
        assert.include(reason.message, "no Effect")
      })
    )
  })

  test(
    "by an interruption that nobody asked for is RemoteInterrupted",
    Effect.gen(function*() {
      const { a } = yield* connected([echoed, served(hang, () => Effect.delay(Effect.interrupt, 1))])
      assert.strictEqual((yield* reasonOf(a.call(hang, 1)))._tag, "RemoteInterrupted")
      yield* isAlive(a)
    })
  )

  test(
    "of a finalizer reaches the caller",
    Effect.gen(function*() {
      const { a } = yield* connected([
        served(hang, () => Effect.as(Effect.addFinalizer(() => Effect.die(new Error("in the finalizer"))), 1))
      ])
      assert.include((yield* reasonOf(a.call(hang, 1))).message, "in the finalizer")
    })
  )
})

describe("a method", () => {
  for (const name of ["constructor", "__proto__", "toString", "_private", "test/Counter/_hidden", ""]) {
    test(
      `named ${JSON.stringify(name)} that is not served is unknown`,
      Effect.gen(function*() {
        const { a } = yield* connected([echoed])
        const reason = yield* reasonOf(a.call(method(name), undefined))
        assert.deepInclude(reason, { _tag: "UnknownMethod", method: name, peer: "b" })
        yield* isAlive(a)
      })
    )
  }

  test(
    "whose Schemas differ is a ContractMismatch",
    Effect.gen(function*() {
      const { a } = yield* connected([echoed])
      const newer = method("test/echo", { payload: Schema.Struct({ n: Schema.String }), success: Schema.Number })
      const reason = yield* reasonOf(a.call(newer, { n: "1" }))
      assert.deepInclude(reason, { _tag: "ContractMismatch", ours: newer.fingerprint, theirs: echo.fingerprint })
      yield* isAlive(a)
    })
  )

  test(
    "is known with its fingerprint when the peer is ready",
    Effect.gen(function*() {
      const { a, b } = yield* connected([echoed], { b: { epoch: "seventh" } })
      const { id, fingerprint } = echo
      assert.deepStrictEqual(yield* a.ready, { version: 1, epoch: "seventh", methods: [{ id, fingerprint }] })
      assert.deepStrictEqual((yield* b.ready).methods, [])
      assert.notStrictEqual((yield* b.ready).epoch, "")
    })
  )
})

describe("a Hello", () => {
  test(
    "may offer very many methods",
    Effect.gen(function*() {
      const { fingerprint } = echo
      const many = Array.from({ length: 20_000 }, (_, i) => ({ ...echo, id: `test/method${i}`, fingerprint }))
      const { a } = yield* connected(many.map((method) => served(method, ({ n }) => Effect.succeed(n))))
      assert.strictEqual((yield* a.ready).methods.length, 20_000)
      assert.strictEqual(yield* a.call(many[19_999]!, { n: 5 }), 5)
    })
  )
})

describe("an interruption", () => {
  test(
    "ends when the handler's finalizers have run",
    Effect.gen(function*() {
      let running = 0
      let finalized = 0
      const { a } = yield* connected([
        echoed,
        served(hang, () => {
          running++
          return Effect.never.pipe(Effect.onInterrupt(() => Effect.delay(Effect.sync(() => void finalized++), 2)))
        })
      ])
      const fibers = yield* Effect.forEach(Array.from({ length: 500 }), () => Effect.forkChild(a.call(hang, 1)))
      yield* until(() => running === 500)
      assert.strictEqual(a.inFlight(), 500)
      yield* Fiber.interruptAll(fibers)
      assert.strictEqual(finalized, 500)
      assert.strictEqual(a.inFlight(), 0)
      yield* isAlive(a)
    })
  )

  test(
    "holds the id until the final answer",
    Effect.gen(function*() {
      const release = yield* Deferred.make<void>()
      const { a } = yield* connected([
        echoed,
        served(hang, () => Effect.uninterruptible(Effect.as(Deferred.await(release), 1)))
      ])
      const first = yield* Effect.forkChild(a.call(hang, 1))
      yield* isAlive(a)
      const interrupting = yield* Effect.forkChild(Fiber.interrupt(first))
      // Had the id been free, the late answer would reach one of these.
      for (let i = 0; i < 10; i++) yield* isAlive(a)
      assert.strictEqual(a.inFlight(), 1)
      assert.isUndefined(interrupting.pollUnsafe())
      yield* Deferred.succeed(release, undefined)
      yield* Fiber.join(interrupting)
      assert.isTrue(Exit.hasInterrupts(yield* Fiber.await(first)))
      assert.strictEqual(a.inFlight(), 0)
    })
  )

  test(
    "before the peer's Hello needs no peer",
    Effect.gen(function*() {
      const { a, right } = yield* connected([echoed], { pair: { record: true } })
      right.pause()
      const call = yield* Effect.forkChild(a.call(hang, 1))
      yield* Effect.yieldNow
      yield* Fiber.interrupt(call)
      assert.strictEqual(a.inFlight(), 0)
    })
  )
})

describe("a timeout", () => {
  test(
    "fails the call on this side and interrupts the handler on the other",
    Effect.gen(function*() {
      const interrupted = yield* Deferred.make<void>()
      const { a } = yield* connected([
        echoed,
        served(hang, () => Effect.onInterrupt(Effect.never, () => Deferred.succeed(interrupted, undefined)))
      ])
      const reason = yield* reasonOf(a.call(hang, 1, { timeout: 20 }))
      assert.deepInclude(reason, { _tag: "CallTimeout", method: "test/hang", timeout: 20 })
      yield* Deferred.await(interrupted)
      yield* until(() => a.inFlight() === 0)
      yield* isAlive(a)
    })
  )

  test(
    "holds on the serving side alone",
    Effect.gen(function*() {
      const running = yield* Deferred.make<void>()
      const ended = yield* Deferred.make<Exit.Exit<unknown, unknown>>()
      const { a, right } = yield* connected([
        served(hang, () =>
          Deferred.succeed(running, undefined).pipe(
            Effect.andThen(Effect.never),
            Effect.onExit((exit) => Deferred.succeed(ended, exit))
          ))
      ])
      const call = yield* Effect.forkChild(reasonOf(a.call(hang, 1, { timeout: 30 })))
      yield* Deferred.await(running)
      // From now on it hears nothing: not that the caller has given up either.
      right.pause()
      assert.isTrue(Exit.hasInterrupts(yield* Deferred.await(ended)))
      assert.strictEqual((yield* Fiber.join(call))._tag, "CallTimeout")
    })
  )

  test(
    "is the caller's own, also where the peer is the first to notice",
    Effect.gen(function*() {
      // As the peer would say it: what was left of the time when the call arrived.
      const noticed = new RemoteError({ reason: new CallTimeout({ method: "test/hang", timeout: 59_999 }) })
      const elsewhere = new RemoteError({ reason: new CallTimeout({ method: "test/other", timeout: 7 }) })
      const { a } = yield* connected([served(hang, (n) => Effect.fail(n === 1 ? noticed : elsewhere))])
      assert.deepInclude(yield* reasonOf(a.call(hang, 1, { timeout: "1 minute" })), { timeout: 60_000 })
      assert.deepInclude(yield* reasonOf(a.call(hang, 2, { timeout: "1 minute" })), { timeout: 7 })
    })
  )

  test(
    "holds while the peer is silent, also before its Hello",
    Effect.gen(function*() {
      const { a, right } = yield* connected([echoed])
      right.pause()
      assert.strictEqual((yield* reasonOf(a.call(echo, { n: 1 }, { timeout: 10 })))._tag, "CallTimeout")
      right.resume()
      yield* until(() => a.inFlight() === 0)
      assert.strictEqual(yield* a.call(echo, { n: 3 }, { timeout: "5 seconds" }), 3)
      assert.strictEqual(yield* a.call(echo, { n: 4 }, { timeout: Infinity }), 4)
    })
  )
})

describe("leases", () => {
  test(
    "that are released in one tick arrive together",
    Effect.gen(function*() {
      const batches: Array<ReadonlyArray<number>> = []
      const { a } = yield* connected([echoed], { b: { onRelease: (ids) => batches.push(ids) } })
      yield* a.ready
      const ids = Array.from({ length: 5000 }, (_, i) => i * 4_000_000_007)
      for (const id of ids) a.release(id)
      yield* isAlive(a)
      assert.deepStrictEqual(batches.flat(), ids)
      assert.strictEqual(batches.length, 2)
    })
  )
})

describe("a request to close", () => {
  test(
    "reaches the peer with its deadline",
    Effect.gen(function*() {
      const { a, b } = yield* connected([])
      yield* a.requestClose(1500)
      assert.deepStrictEqual(yield* b.closeRequested, { deadline: 1500 })
    })
  )

  test(
    "lets the peer end its calls, and say so",
    Effect.gen(function*() {
      const log: Array<string> = []
      const { a, b } = yield* connected([
        echoed,
        served(hang, () => Effect.onInterrupt(Effect.never, () => Effect.sync(() => void log.push("finalized"))))
      ])
      const call = yield* Effect.forkChild(reasonOf(a.call(hang, 1)))
      yield* isAlive(a)
      yield* a.requestClose(1000)
      yield* b.closeRequested
      yield* b.interruptCalls
      assert.deepStrictEqual(log, ["finalized"])
      assert.strictEqual((yield* Fiber.join(call))._tag, "RemoteInterrupted")
      assert.strictEqual((yield* reasonOf(a.call(echo, { n: 1 })))._tag, "SessionClosed")
    })
  )
})
