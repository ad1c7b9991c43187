import { assert, describe } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as fc from "fast-check"
import { setImmediate } from "node:timers/promises"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import * as Records from "../../src/wire/internal/records.ts"
import { ProcessExited, RemoteError, type RemoteErrorReason } from "../../src/wire/RemoteError.ts"
import type * as Session from "../../src/wire/Session.ts"
import { fromSocket } from "../../src/wire/Transport.ts"
import { across, inMemory, pair } from "../support/carriers.ts"
import * as Messages from "../support/messages.ts"
import { connected, method, over, served } from "../support/sessions.ts"
import { connect } from "../support/sockets.ts"
import { rounds } from "../support/spawned.ts"
import { until } from "../support/until.ts"

const echo = method("test/echo", { payload: Schema.Int, success: Schema.Int })
const hang = method("test/hang", { payload: Schema.Int })
const ints = method("test/ints", { success: Schema.Int, stream: true })
const blob = method("test/blob", { payload: Schema.Uint8Array, success: Schema.Uint8Array })

setFlagsFromString("--expose-gc")
const collect = runInNewContext("gc") as () => void

/** bytes that this process holds on to, once what it has let go of is collected */
const memory = Effect.promise(async () => {
  for (let turn = 0; turn < 5; turn++) {
    await setImmediate()
    collect()
  }
  const { arrayBuffers, heapUsed } = process.memoryUsage()
  return arrayBuffers + heapUsed
})

const echoed = served(echo, (n: number) => Effect.succeed(n))
const blobbed = served(blob, (bytes) => Effect.succeed(bytes))

const test = (name: string, run: Effect.Effect<void, unknown, Scope.Scope>) =>
  across(name, run, rounds(60_000, 900_000))

const reasonOf = (call: Effect.Effect<unknown, unknown, any>): Effect.Effect<RemoteErrorReason> =>
  Effect.map(Effect.flip(call), (error) => {
    assert.instanceOf(error, RemoteError)
    return error.reason
  }) as Effect.Effect<RemoteErrorReason>

const exited = new ProcessExited({
  name: "child",
  pid: 7,
  exitCode: -9,
  signal: "SIGKILL",
  stderr: undefined,
  outOfMemory: "unknown",
  detail: undefined
})

/** A handler that never answers, and what became of it. */
const hanging = () => {
  const state = { running: 0, finalized: 0 }
  const handler = served(hang, () => {
    state.running++
    return Effect.ensuring(Effect.never, Effect.delay(Effect.sync(() => void state.finalized++), 1))
  })
  return { state, handler }
}

/** Everything that may be under way when a session ends: each of them has to end, and say why. */
const everything = (a: Session.Session) =>
  Effect.all([
    reasonOf(a.call(hang, 1)),
    reasonOf(a.call(hang, 2, { timeout: "1 minute" })),
    reasonOf(Stream.runDrain(a.stream(ints, undefined))),
    reasonOf(Stream.runForEach(a.stream(ints, undefined), () => Effect.sleep(1))),
    reasonOf(Effect.forever(a.call(echo, 1))),
    reasonOf(Effect.forever(a.call(blob, new Uint8Array(1 << 20))))
  ], { concurrency: "unbounded" })

const numbers = served(
  ints,
  () => Stream.tap(Stream.range(0, 1e9), (n) => n % 50 === 0 ? Effect.sleep(1) : Effect.void)
)

describe("when the transport ends", () => {
  test(
    "everything under way fails at once with why, and so does everything later",
    Effect.gen(function*() {
      const { handler, state } = hanging()
      const { a, b, right } = yield* connected([echoed, blobbed, handler, numbers], {
        a: { disconnected: Effect.delay(Effect.succeed(exited), 5) }
      })
      const all = yield* Effect.forkChild(everything(a))
      yield* until(() => state.running === 2)
      right.destroy()
      // While the reason is being asked for, calls wait for it.
      yield* until(() => !a.isOpen())
      const during = yield* Effect.forkChild(reasonOf(a.call(echo, 1)))
      for (const reason of yield* Fiber.join(all)) assert.deepStrictEqual(reason, exited)
      assert.deepStrictEqual(yield* Fiber.join(during), exited)
      assert.deepStrictEqual(yield* reasonOf(a.call(echo, 1)), exited)
      assert.deepStrictEqual(yield* reasonOf(Stream.runDrain(a.stream(ints, undefined))), exited)
      assert.deepStrictEqual(yield* a.closed, exited)
      assert.strictEqual(a.inFlight(), 0)
      assert.strictEqual((yield* b.closed)._tag, "Disconnected")
      yield* until(() => state.finalized === 2)
      // what has no answer does not hang either
      a.release(1)
      yield* a.requestClose(1)
      yield* a.flush
      yield* a.interruptCalls
    })
  )

  test(
    "the reason is Disconnected where nobody knows better, or answers in time",
    Effect.gen(function*() {
      const { a, b, right } = yield* connected([echoed], { a: { disconnected: Effect.die("no idea") } })
      yield* a.ready
      right.destroy()
      assert.deepInclude(yield* a.closed, { _tag: "Disconnected", peer: "b" })
      assert.deepInclude(yield* b.closed, { _tag: "Disconnected", peer: "a" })
    })
  )

  test(
    "the reason is not waited for without end",
    Effect.gen(function*() {
      const { a, right } = yield* connected([], { a: { disconnected: Effect.never } })
      right.destroy()
      assert.strictEqual((yield* a.closed)._tag, "Disconnected")
    })
  )

  test(
    "interruptions that wait for the peer end",
    Effect.gen(function*() {
      const gate = Deferred.makeUnsafe<void>()
      const never = served(hang, () => Effect.uninterruptible(Deferred.await(gate)))
      const { a, right } = yield* connected([echoed, never], {
        a: { disconnected: Effect.delay(Effect.succeed(exited), 1) }
      })
      const call = yield* Effect.forkChild(a.call(hang, 1))
      yield* a.call(echo, 1)
      const interrupting = yield* Effect.forkChild(Fiber.interrupt(call))
      yield* a.call(echo, 1)
      assert.isUndefined(interrupting.pollUnsafe())
      right.destroy()
      yield* Fiber.join(interrupting)
      yield* Deferred.succeed(gate, undefined)
    })
  )

  test(
    "before the peer's Hello, ready and calls fail",
    Effect.gen(function*() {
      const [left, right] = yield* pair()
      const a = yield* over(left)
      const ready = yield* Effect.forkChild(reasonOf(a.ready))
      const call = yield* Effect.forkChild(reasonOf(a.call(echo, 1)))
      yield* Effect.yieldNow
      right.destroy()
      assert.strictEqual((yield* Fiber.join(ready))._tag, "Disconnected")
      assert.strictEqual((yield* Fiber.join(call))._tag, "Disconnected")
    })
  )

  test(
    "while it does not take what is written, senders fail",
    Effect.gen(function*() {
      const { a, right } = yield* connected([blobbed])
      yield* a.ready
      right.pause()
      const calls = yield* Effect.forkChild(Effect.all(
        Array.from({ length: 100 }, () => reasonOf(a.call(blob, new Uint8Array(100_000)))),
        { concurrency: "unbounded" }
      ))
      yield* until(() => a.inFlight() === 100)
      right.destroy()
      const reasons = yield* Fiber.join(calls)
      assert.isTrue(reasons.every(({ _tag }) => _tag === "Disconnected"))
    })
  )
})

describe("when a socket breaks", () => {
  test(
    "with senders waiting for it, all of them fail",
    Effect.gen(function*() {
      for (let round = 0; round < rounds(20, 500); round++) {
        const [socket, other] = yield* Effect.promise(() => connect())
        const peer = yield* over(fromSocket(other, { peer: "socket" }), { serve: [blobbed] })
        const session = yield* over(fromSocket(socket, { peer: "other" }))
        yield* session.ready
        other.pause()
        const calls = yield* Effect.forkChild(Effect.all(
          Array.from(
            { length: 100 },
            (_, i) => reasonOf(session.call(blob, new Uint8Array(i % 9 === 0 ? 1 << 20 : 50_000)))
          ),
          { concurrency: "unbounded" }
        ))
        yield* until(() => socket.writableLength > 500_000)
        other.destroy()
        for (const reason of yield* Fiber.join(calls)) assert.strictEqual(reason._tag, "Disconnected")
        yield* peer.closed
      }
    })
  )
})

describe("when its Scope closes", () => {
  test(
    "everything under way fails with SessionClosed, and the peer is told",
    Effect.gen(function*() {
      const { handler, state } = hanging()
      const [left, right] = yield* pair()
      const b = yield* over(right, { serve: [echoed, blobbed, handler, numbers] })
      const scope = yield* Scope.make()
      const a = yield* Scope.provide(over(left), scope)
      const all = yield* Effect.forkChild(everything(a))
      yield* until(() => state.running === 2)
      yield* Scope.close(scope, Exit.void)
      const reasons = yield* Fiber.join(all)
      assert.deepStrictEqual(reasons.map(({ _tag }) => _tag), Array.from({ length: 6 }, () => "SessionClosed" as const))
      assert.deepInclude(yield* reasonOf(a.call(echo, 1)), { _tag: "SessionClosed", peer: "b" })
      assert.strictEqual((yield* a.closed)._tag, "SessionClosed")
      assert.deepInclude(yield* b.closed, { _tag: "Disconnected", detail: "the peer closed it" })
      yield* until(() => state.finalized === 2)
    })
  )

  test(
    "handlers are interrupted, and their finalizers have run when it is closed",
    Effect.gen(function*() {
      const { handler, state } = hanging()
      const [left, right] = yield* pair()
      const scope = yield* Scope.make()
      yield* Scope.provide(over(right, { serve: [echoed, handler] }), scope)
      const a = yield* over(left)
      const calls = yield* Effect.forkChild(Effect.all([1, 2, 3].map((n) => reasonOf(a.call(hang, n))), {
        concurrency: "unbounded"
      }))
      yield* until(() => state.running === 3)
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual(state.finalized, 3)
      // They heard of it before they heard of the end.
      assert.deepStrictEqual((yield* Fiber.join(calls)).map(({ _tag }) => _tag), [
        "RemoteInterrupted",
        "RemoteInterrupted",
        "RemoteInterrupted"
      ])
      assert.strictEqual((yield* a.closed)._tag, "Disconnected")
    })
  )

  test(
    "the peer's handlers are interrupted before its own have ended",
    Effect.gen(function*() {
      const [left, right] = yield* pair()
      const theirs = yield* Deferred.make<void>()
      const state = { ours: false, theirs: false }
      const waits = served(hang, () => {
        state.ours = true
        return Effect.ensuring(Effect.never, Deferred.await(theirs))
      })
      const tells = served(hang, () => {
        state.theirs = true
        return Effect.onInterrupt(Effect.never, () => Deferred.succeed(theirs, undefined))
      })
      const scope = yield* Scope.make()
      const a = yield* Scope.provide(over(left, { serve: [waits] }), scope)
      const b = yield* over(right, { serve: [tells] })
      const calls = yield* Effect.forkChild(Effect.all([reasonOf(a.call(hang, 1)), reasonOf(b.call(hang, 1))], {
        concurrency: "unbounded"
      }))
      yield* until(() => state.ours && state.theirs)
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual((yield* Fiber.join(calls)).map(({ _tag }) => _tag), ["SessionClosed", "RemoteInterrupted"])
    })
  )

  test(
    "what has been answered still arrives",
    Effect.gen(function*() {
      const [left, right] = yield* pair({ capacity: 1000 })
      const scope = yield* Scope.make()
      const answered: Array<number> = []
      const b = yield* Scope.provide(
        over(right, {
          serve: [served(blob, (bytes: Uint8Array) =>
            Effect.sync(() => {
              answered.push(bytes.length)
              return bytes
            }))]
        }),
        scope
      )
      const a = yield* over(left)
      const calls = yield* Effect.forkChild(Effect.all(
        [1, 50_000, 400_000, 700_000].map((n) => a.call(blob, new Uint8Array(n))),
        { concurrency: "unbounded" }
      ))
      yield* until(() => answered.length === 4)
      yield* b.interruptCalls
      yield* b.flush
      yield* Scope.close(scope, Exit.void)
      const found = yield* Fiber.join(calls) as Effect.Effect<Array<Uint8Array>>
      assert.deepStrictEqual(found.map((bytes) => bytes.length), [1, 50_000, 400_000, 700_000])
    })
  )

  test(
    "a peer that reads nothing does not hold it up for long",
    Effect.gen(function*() {
      const [left, right] = yield* pair({ capacity: 10 })
      const scope = yield* Scope.make()
      const a = yield* Scope.provide(over(left), scope)
      right.pause()
      yield* Effect.forkChild(Effect.exit(a.call(echo, 1)))
      yield* Scope.close(scope, Exit.void).pipe(Effect.timeout("20 seconds"))
      assert.strictEqual((yield* a.closed)._tag, "SessionClosed")
    })
  )

  test(
    "both ends may close at the same time",
    Effect.gen(function*() {
      for (let round = 0; round < 20; round++) {
        const { handler, state } = hanging()
        const scopes = [yield* Scope.make(), yield* Scope.make()] as const
        const [left, right] = yield* pair()
        const a = yield* Scope.provide(over(left, { serve: [handler] }), scopes[0])
        const b = yield* Scope.provide(over(right, { serve: [handler] }), scopes[1])
        const calls = yield* Effect.forkChild(Effect.all([reasonOf(a.call(hang, 1)), reasonOf(b.call(hang, 1))], {
          concurrency: "unbounded"
        }))
        yield* until(() => state.running === 2)
        yield* Effect.all(scopes.map((scope) => Scope.close(scope, Exit.void)), { concurrency: "unbounded" })
        yield* Fiber.join(calls)
        assert.strictEqual(state.finalized, 2)
      }
    })
  )
})

describe("a peer that breaks the protocol", () => {
  const hello = (
    version = 1,
    methods: ReadonlyArray<readonly [string, string]> = [["test/hang", hang.fingerprint]]
  ): Uint8Array =>
    Messages.write({
      _tag: "Hello",
      version,
      body: { epoch: "e", maxRecord: 1 << 20, calls: 2, callBytes: 1, elements: 10, bytes: 1000, methods }
    })

  /** A session whose peer is the test: it says Hello, and gets what the session writes. */
  const attacked = Effect.fnUntraced(function*(
    options: Partial<Session.Options> = {},
    carrier: Parameters<typeof pair>[0] = {}
  ) {
    const [left, right] = yield* pair({ record: true, ...carrier })
    const session = yield* over(right, { serve: [echoed], ...options })
    return { session, left, inject: right.inject, arrived: right.arrived, written: right.written }
  })

  const breaks = (name: string, bytes: Uint8Array, detail: RegExp, options: Partial<Session.Options> = {}) =>
    test(
      `by ${name} is cut off, with everything under way`,
      Effect.gen(function*() {
        const { handler, state } = hanging()
        const { inject, session, written } = yield* attacked({ serve: [handler, numbers, echoed], ...options })
        inject(hello())
        const call = yield* Effect.forkChild(reasonOf(session.call(hang, 1)))
        inject(
          Messages.write({
            _tag: "Call",
            method: 0,
            id: 1,
            timeout: undefined,
            context: undefined,
            payload: Uint8Array.of(1)
          })
        )
        yield* until(() => state.running === 1)
        inject(bytes)
        const reason = yield* Fiber.join(call)
        assert.strictEqual(reason._tag, "ProtocolViolation")
        assert.match(reason.message, detail)
        assert.deepStrictEqual(yield* session.closed, reason)
        yield* until(() => state.finalized === 1)
        // The peer was told what it did.
        assert.include(written().toString("latin1"), reason._tag === "ProtocolViolation" ? reason.detail : "")
      })
    )

  const call = (id: number, method: number, payload: Uint8Array = Uint8Array.of(1)) =>
    Messages.write({ _tag: "Call", method, id, timeout: undefined, context: undefined, payload })

  breaks("garbage", Buffer.alloc(100, 0xee), /a record of \d+ bytes/)
  breaks("a second Hello", hello(), /a second Hello/)
  breaks(
    "an answer to no call",
    Messages.write({ _tag: "Ok", id: 9, payload: Uint8Array.of(1) }),
    /an answer to no call/
  )
  breaks("the end of a stream for a call", Messages.write({ _tag: "End", id: 0 }), /end of a stream/)
  breaks(
    "a chunk for a call",
    Messages.write({ _tag: "Chunk", id: 0, payload: Uint8Array.of(0x91, 1) }),
    /elements of a stream/
  )
  breaks("an interruption that nobody asked for", Messages.write({ _tag: "Interrupted", id: 0 }), /nobody asked for/)
  breaks("an id that is taken", call(1, 0), /an id that is taken/)
  breaks("more calls than were granted", call(3, 0), /more than 3 calls/, { window: { calls: 3 } })
  breaks("an unreadable refusal", Buffer.from("0a000000040000000000000091ff", "hex"), /cannot be read/)

  test(
    "by another version is refused with a clear text",
    Effect.gen(function*() {
      const { inject, session } = yield* attacked()
      inject(hello(2))
      const reason = yield* session.closed
      assert.deepInclude(reason, { _tag: "ProtocolViolation" })
      assert.include(reason.message, "version 2")
      assert.include(reason.message, "version 1")
      assert.deepStrictEqual(yield* reasonOf(session.ready), reason)
    })
  )

  test(
    "by more bytes of calls than were granted is cut off",
    Effect.gen(function*() {
      const { handler } = hanging()
      const bytes = method("test/hang", { payload: Schema.Uint8Array })
      const { inject, session } = yield* attacked({
        serve: [{ method: bytes, handle: handler.handle }],
        window: { callBytes: 10_000 }
      })
      inject(hello())
      const payload = Buffer.concat([Buffer.from([0xc5, 0x20, 0x00]), Buffer.alloc(0x2000)])
      inject(call(0, 0, payload))
      inject(call(1, 0, payload))
      yield* Effect.yieldNow
      inject(call(2, 0, payload))
      assert.match((yield* session.closed).message, /more bytes than were granted/)
    })
  )

  test(
    "by more bytes of contexts than were granted is cut off",
    Effect.gen(function*() {
      const { handler } = hanging()
      const { inject, session } = yield* attacked({ serve: [handler], window: { callBytes: 10_000 } })
      inject(hello())
      const logAnnotations = { long: "x".repeat(8_000) }
      const annotated = (id: number) =>
        Messages.write({
          _tag: "Call",
          method: 0,
          id,
          timeout: undefined,
          context: { logAnnotations },
          payload: Uint8Array.of(1)
        })
      inject(annotated(0))
      inject(annotated(1))
      yield* Effect.yieldNow
      inject(annotated(2))
      assert.match((yield* session.closed).message, /more bytes than were granted/)
    })
  )

  const text = Buffer.concat([Buffer.from([0x91, 0xda, 7, 0]), Buffer.alloc(0x700)])
  for (
    const [name, chunks, detail] of [
      ["elements", [Buffer.from([0x9b, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11])], /credit of elements/],
      ["bytes", [text, text, Buffer.from([0x91, 1])], /credit of bytes/],
      ["no elements", [Buffer.from([0x90])], /without elements/],
      ["no array", [Buffer.from([0x01])], /no array/]
    ] as const
  ) {
    test(
      `by a stream of ${name} beyond its credit is cut off`,
      Effect.gen(function*() {
        const any = method("test/any", { success: Schema.Any, stream: true })
        const { inject, session } = yield* attacked({ window: { elements: 10, bytes: 1000 } })
        inject(hello(1, [["test/any", any.fingerprint]]))
        yield* session.ready
        yield* Effect.forkChild(Effect.exit(Stream.runForEach(session.stream(any, undefined), () => Effect.never)))
        yield* until(() => session.inFlight() === 1)
        yield* Effect.yieldNow
        for (const payload of chunks) inject(Messages.write({ _tag: "Chunk", id: 0, payload }))
        assert.match((yield* session.closed).message, detail)
      })
    )
  }

  test(
    "by calling numbers that are not served only fails these calls",
    Effect.gen(function*() {
      const { inject, session, written } = yield* attacked()
      inject(hello())
      for (const method of [1, 2, 0xffff]) inject(call(method, method))
      yield* until(() => written().toString("latin1").includes("#65535"))
      assert.isTrue(session.isOpen())
      assert.include(written().toString("latin1"), "UnknownMethod")
    })
  )

  test(
    "by going on after its goodbye is not listened to",
    Effect.gen(function*() {
      let ran = 0
      const { inject, session } = yield* attacked({ serve: [served(echo, (n) => Effect.sync(() => (ran++, n)))] })
      inject(Buffer.concat([hello(), call(0, 0), Messages.write({ _tag: "Goodbye", detail: "enough" }), call(1, 0)]))
      assert.deepInclude(yield* session.closed, { _tag: "Disconnected", detail: "the peer says: enough" })
      assert.strictEqual(ran, 1)
    })
  )

  test(
    "by a chunk that cannot be read fails that stream there, whatever follows",
    Effect.gen(function*() {
      const any = method("test/any", { success: Schema.Int, stream: true })
      const { inject, session } = yield* attacked()
      const chunk = (...bytes: ReadonlyArray<number>) =>
        Messages.write({ _tag: "Chunk", id: 0, payload: Uint8Array.from(bytes) })
      inject(hello(1, [["test/any", any.fingerprint]]))
      const first = yield* Deferred.make<void>()
      const go = yield* Deferred.make<void>()
      const seen: Array<unknown> = []
      const fiber = yield* Effect.forkChild(reasonOf(Stream.runForEach(session.stream(any, undefined), (n) => {
        seen.push(n)
        return Effect.andThen(Deferred.succeed(first, undefined), Deferred.await(go))
      })))
      yield* until(() => session.inFlight() === 1)
      yield* Effect.yieldNow
      inject(chunk(0x91, 1))
      yield* Deferred.await(first)
      inject(Buffer.concat([chunk(0x92, 1), chunk(0x91, 3), Messages.write({ _tag: "Ping", id: 0 })]))
      yield* Effect.sleep(5)
      yield* Deferred.succeed(go, undefined)
      inject(Messages.write({ _tag: "End", id: 0 }))
      assert.deepInclude(yield* Fiber.join(fiber), { _tag: "DecodeFailed", part: "success" })
      assert.deepStrictEqual(seen, [1])
      assert.isTrue(session.isOpen())
    })
  )

  type Kind = keyof typeof Records.kind
  /** pieces of long records, and what claims to be one */
  const fragment = fc.record({
    id: fc.nat(2),
    answer: fc.boolean(),
    first: fc.boolean(),
    size: fc.oneof(
      fc.integer({ min: Records.longestRecord + 1, max: 300_000 }),
      fc.integer({ min: 1 << 20, max: 1 << 28 }),
      fc.nat(0xffff_ffff)
    ),
    kind: fc.oneof(fc.constantFrom("ok", "call"), fc.constantFrom(...Object.keys(Records.kind) as Array<Kind>)),
    length: fc.constantFrom(0, 1, 100, 40_000, 100_000)
  }).map(({ answer, first, id, kind, length, size }) => {
    const bytes = Buffer.alloc(length + 1, 0x01)
    const piece = first ? Buffer.concat([Records.headerOf(size, Records.kind[kind], 0, 0, id), bytes]) : bytes
    return Messages.write({ _tag: "Fragment", id, answer, piece })
  })
  const record = fc.oneof(
    { arbitrary: Messages.mutated, weight: 4 },
    { arbitrary: Messages.message.map(Messages.write), weight: 4 },
    { arbitrary: fragment, weight: 1 }
  )
  const hostile = fc.tuple(
    fc.array(record, { minLength: 1, maxLength: 8 }),
    // how it is split on its way
    fc.constantFrom(1, 3, 13, 1000, Number.POSITIVE_INFINITY)
  )

  test(
    "in any way, however split, never hangs a session, never fills its memory, and never takes its process down",
    Effect.gen(function*() {
      const enough = rounds(5000, 100_000)
      const outcomes = new Set<string>()
      let sent = 0
      const before = yield* memory
      // bytes that one session holds
      let most = 0
      for (let seed = 1; sent < enough; seed++) {
        for (const [records, size] of fc.sample(hostile, { numRuns: 50, seed })) {
          sent += records.length
          yield* Effect.scoped(Effect.gen(function*() {
            const before = process.memoryUsage().arrayBuffers
            const { handler, state } = hanging()
            const { arrived, inject, left, session } = yield* attacked(
              { serve: [handler, echoed, numbers], maxRecord: 1 << 20 },
              { slice: () => size }
            )
            const bytes = Buffer.concat([hello(), ...records])
            inject(bytes)
            const call = yield* Effect.forkChild(Effect.exit(session.call(hang, 1)))
            yield* until(() => !session.isOpen() || arrived() === bytes.length)
            most = Math.max(most, process.memoryUsage().arrayBuffers - before)
            left.destroy()
            outcomes.add((yield* session.closed)._tag)
            yield* Fiber.join(call)
            yield* session.interruptCalls
            assert.strictEqual(state.finalized, state.running)
          }))
        }
      }
      assert.deepStrictEqual([...outcomes].toSorted(), ["Disconnected", "ProtocolViolation"])
      assert.isBelow(most, 4 << 20)
      assert.isBelow((yield* memory) - before, 16 << 20)
    })
  )
})

describe("a ping", () => {
  test(
    "finds a silent peer",
    Effect.gen(function*() {
      const { a, right } = yield* connected([echoed], { a: { pingInterval: 20 } })
      yield* a.ready
      right.pause()
      const reason = yield* reasonOf(a.call(echo, 1))
      assert.deepInclude(reason, { _tag: "Disconnected", detail: "silent for 40 ms" })
    })
  )

  test(
    "keeps a session alive in which nobody has anything to say",
    Effect.gen(function*() {
      const { a, left } = yield* connected([echoed], { a: { pingInterval: 5 } })
      yield* a.ready
      const before = left.arrived()
      // so many answers to so many pings
      yield* until(() => left.arrived() - before >= 10 * Records.headerSize)
      assert.strictEqual(yield* a.call(echo, 1), 1)
    })
  )
})

describe("a ping, while this process stands still for long,", () => {
  test(
    "does not take its peer for gone",
    Effect.gen(function*() {
      const [ours, theirs] = yield* Effect.promise(() => connect())
      yield* over(fromSocket(theirs, { peer: "a" }), { serve: [echoed] })
      const a = yield* over(fromSocket(ours, { peer: "b" }), { pingInterval: 60 })
      yield* a.call(echo, 1)
      let stops = 0
      const stop = () => {
        stops++
        const end = performance.now() + 300
        while (performance.now() < end);
      }
      // Each ping that arrives there stops this process until the next one is due, and the answer comes after that.
      theirs.on("data", stop)
      yield* until(() => stops === 5 || !a.isOpen())
      theirs.off("data", stop)
      assert.strictEqual(yield* a.call(echo, 2), 2)
    })
  )
})

describe("a flush", () => {
  inMemory(
    "ends when all has been taken",
    Effect.gen(function*() {
      const { a, left, right } = yield* connected([blobbed], { pair: { capacity: 1000 } })
      yield* a.ready
      right.pause()
      yield* Effect.forkChild(Effect.exit(a.call(blob, new Uint8Array(5_000_000))))
      yield* Effect.yieldNow
      const flushed = yield* Deferred.make<void>()
      yield* Effect.forkChild(Effect.andThen(a.flush, Deferred.succeed(flushed, undefined)))
      yield* Effect.sleep(5)
      assert.isFalse(yield* Deferred.isDone(flushed))
      right.resume()
      yield* Deferred.await(flushed)
      assert.strictEqual(left.unsent(), 0)
      assert.isAbove(right.arrived(), 4_900_000)
    })
  )
})
