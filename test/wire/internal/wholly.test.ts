import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import { wholly } from "../../../src/wire/internal/wholly.ts"

describe("what is decoded", () => {
  const parts = () => {
    let open = 0
    const part = Effect.acquireRelease(Effect.sync(() => ++open), () => Effect.sync(() => --open))
    return { part, open: () => open }
  }

  it.effect("ends with the receiver's Scope when it has arrived as a whole", () =>
    Effect.gen(function*() {
      const { open, part } = parts()
      yield* Effect.scoped(Effect.gen(function*() {
        assert.deepStrictEqual(yield* wholly(Effect.all([part, part])), [1, 2])
        assert.strictEqual(open(), 2)
      }))
      assert.strictEqual(open(), 0)
    }))

  it.effect("leaves nothing open when a later part fails, dies or is interrupted", () =>
    Effect.gen(function*() {
      const { open, part } = parts()
      for (const end of [Effect.fail("no"), Effect.die("no"), Effect.interrupt]) {
        assert.isTrue(Exit.isFailure(yield* Effect.exit(wholly(Effect.andThen(part, end)))))
        assert.strictEqual(open(), 0)
      }
      const begun = yield* Deferred.make<void>()
      const decoding = Effect.andThen(Effect.andThen(part, Deferred.succeed(begun, undefined)), Effect.never)
      const fiber = yield* Effect.forkChild(wholly(decoding))
      yield* Deferred.await(begun)
      assert.strictEqual(open(), 1)
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(open(), 0)
    }).pipe(Effect.scoped))

  it.effect("that needs no Scope leaves nothing in one, and takes none where there is none", () =>
    Effect.gen(function*() {
      const plain = Effect.as(Effect.yieldNow, 1)
      const scope = yield* Scope.make()
      assert.strictEqual(yield* Scope.provide(wholly(plain), scope), 1)
      const { state } = scope
      assert.strictEqual(state._tag === "Open" ? state.finalizers?.size ?? 0 : 0, 0)
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual(yield* wholly(plain), 1)
      const at = Exit.succeed(1)
      assert.strictEqual(wholly(at), at)
    }))
})
