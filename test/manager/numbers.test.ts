/** The numbers by which a client names what it holds at a manager: its own choice, so it may choose badly. */
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import { contracts } from "../../src/remote/internal/control.ts"
import * as DeclareObject from "../../src/remote/internal/declareObject.ts"
import * as Proxies from "../../src/remote/internal/proxies.ts"
import { Counter, Node } from "../fixtures/manager/objects.ts"
import { ask, connect, managerId, server } from "../support/attended.ts"
import { reasonOf } from "../support/served.ts"

const { numberOfObjects, redeem, retain, ticket } = contracts

/** A server, a client with a counter, and the number of its lease. */
const counted = Effect.gen(function*() {
  const { at } = yield* connect(yield* server, "client")
  const counter = yield* DeclareObject.create(at, Counter, managerId, { initial: 1 }) as Effect.Effect<
    Counter,
    never,
    Scope.Scope
  >
  return { at, counter, number: Proxies.leaseOf(counter)!.number }
})

describe("a number in use", () => {
  it.effect("is refused for a second lease, and counts nothing", () =>
    Effect.gen(function*() {
      const { at, counter, number } = yield* counted
      assert.strictEqual((yield* reasonOf(ask(at, retain, { lease: number, as: number })))._tag, "ObjectGone")
      const sent = yield* ask(at, ticket, number)
      const reason = yield* reasonOf(ask(at, redeem, { type: Counter.key, ticket: sent, as: number }))
      assert.strictEqual(reason._tag, "ObjectGone")
      assert.include(reason.message, `used ${number} already`)
      assert.strictEqual(yield* counter.get(), 1)
      at.session.release(number)
      assert.strictEqual(yield* ask(at, numberOfObjects, undefined), 0)
    }).pipe(Effect.scoped))
})

describe("a ticket", () => {
  it.effect("of another type is refused, and stays good for its own", () =>
    Effect.gen(function*() {
      const { at, number } = yield* counted
      const sent = yield* ask(at, ticket, number)
      const as = at.number()
      const reason = yield* reasonOf(ask(at, redeem, { type: Node.key, ticket: sent, as }))
      assert.strictEqual(reason._tag, "ObjectGone")
      yield* ask(at, redeem, { type: Counter.key, ticket: sent, as })
    }).pipe(Effect.scoped))
})

describe("numbers", () => {
  it.effect("of two ways over one session are different", () =>
    Effect.gen(function*() {
      const { at, counter } = yield* counted
      const other = new Proxies.ManagerSession(managerId, at.address, at.session)
      yield* Effect.scoped(
        DeclareObject.create(other, Counter, managerId, { initial: 2 }) as Effect.Effect<Counter, never, Scope.Scope>
      )
      assert.strictEqual(yield* counter.get(), 1)
      assert.strictEqual(yield* ask(at, numberOfObjects, undefined), 1)
    }).pipe(Effect.scoped))

  it.effect("of a Scope that closes before it is asked for are given back", () =>
    Effect.gen(function*() {
      const { at, number } = yield* counted
      const scope = yield* Scope.make()
      const closed = yield* Deferred.make<void>()
      const lease = yield* Effect.forkChild(
        Scope.provide(
          Proxies.hold(at, Counter.key, (as) =>
            Effect.andThen(Deferred.await(closed), ask(at, retain, { lease: number, as }))),
          scope
        ),
        { startImmediately: true }
      )
      yield* Scope.close(scope, Exit.void)
      yield* Deferred.succeed(closed, undefined)
      yield* Fiber.join(lease)
      at.session.release(number)
      assert.strictEqual(yield* ask(at, numberOfObjects, undefined), 0)
    }).pipe(Effect.scoped))
})
