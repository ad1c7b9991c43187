import type { Manager } from "effect-multiprocessing/Manager"
import type { ManagerError } from "effect-multiprocessing/ManagerError"
import * as Remote from "effect-multiprocessing/Remote"
import type { RemoteError } from "effect-multiprocessing/RemoteError"
import type * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { Counter, type Node, type Overflow, Shelf } from "../fixtures/manager/objects.ts"
import { type Equal, is } from "./equal.ts"

declare const counter: Counter
declare const node: Node
declare const shelf: Shelf
declare const manager: Manager["Service"]

export const created = Counter.create({ initial: 0 })
is<Equal<typeof created, Effect.Effect<Counter, Overflow | ManagerError | RemoteError, Manager | Scope.Scope>>>()
export const made = manager.create(Counter, { initial: 0 })
is<Equal<typeof made, Effect.Effect<Counter, Overflow | ManagerError | RemoteError, Scope.Scope>>>()
export const layer = Counter.layer({ initial: 0 })
is<Equal<typeof layer, Layer.Layer<Counter, Overflow | ManagerError | RemoteError, Manager>>>()

is<Equal<ReturnType<Counter["add"]>, Effect.Effect<number, Overflow | RemoteError>>>()
is<Equal<ReturnType<Shelf["get"]>, Effect.Effect<Counter, RemoteError, Scope.Scope>>>()
is<Equal<ReturnType<Shelf["put"]>, Effect.Effect<void, RemoteError>>>()
is<Equal<ReturnType<Node["next"]>, Effect.Effect<Node, RemoteError, Scope.Scope>>>()
is<Equal<Parameters<Shelf["sum"]>, [payload: { readonly counters: ReadonlyArray<Counter> }]>>()
is<Equal<typeof Counter.schema.Type, Counter>>()

/** the class is the key of a shared proxy */
export const shared: Effect.Effect<Counter, never, Counter> = Counter

export const retained = Remote.retain(counter)
is<Equal<typeof retained, Effect.Effect<Counter, RemoteError, Scope.Scope>>>()

// @ts-expect-error a Node is not a Counter
shelf.put({ counter: node })
// @ts-expect-error the constructor's payload is required
Counter.create()
// @ts-expect-error a wrong payload
manager.create(Counter, { initial: "0" })
// @ts-expect-error the constructor's error must be declared
Shelf.toLayer(() => Effect_fail)
// @ts-expect-error the Self generic is missing
export class Selfless extends Remote.Object()("types/Selfless", { methods: {} }) {}
// @ts-expect-error an object's call cannot move
Remote.Object<any>()("types/Moves", { methods: { get: { idempotent: true } } })
// @ts-expect-error private names are refused
Remote.Object<any>()("types/Private", { methods: { _secret: {} } })
export const box = Schema.Struct({ counters: Schema.Array(Counter.schema) })
is<Equal<typeof box.EncodingServices, never>>()
is<Equal<typeof box.DecodingServices, Scope.Scope>>()

declare const Effect_fail: Effect.Effect<never, "boom">
