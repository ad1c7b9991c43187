/**
 * Objects of this library's own that every manager has. The server stores what clients put in as bytes with tickets
 * beside them, and needs no Schema of it; and it knows who calls, so that what a client holds ends with it.
 */
import type * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { Ref } from "../../remote/internal/control.ts"
import type { Answer, Implementation, ObjectDeclaration } from "../../remote/internal/implementation.ts"
import type { RemoteError } from "../../wire/RemoteError.ts"
import type { Restore } from "./holding.ts"

/** A value on its way: its proxies stand beside its bytes, which refer to them by number. */
export const Stored = Schema.Struct({
  bytes: Schema.Uint8Array,
  proxies: Schema.optionalKey(Schema.Array(Ref))
})

export type Stored = typeof Stored.Type

/** A value in an object, and what that leases for it. */
export interface Kept {
  readonly bytes: Uint8Array
  readonly proxies: ReadonlyArray<Leased> | undefined
}

/** An object, of this manager or another, that is leased because it is stored. */
export interface Leased {
  /** equal for all that stand for one object */
  readonly identity: string
  /** a new ticket for it */
  readonly ticket: Effect.Effect<Ref, RemoteError>
  /** once more, to be released by itself */
  readonly share: () => Leased
  readonly release: () => void
}

/** What a client has of an object, under a number of its own: the lock, a permit, an item that it has not confirmed. */
export interface Held {
  /** the client gave it back */
  readonly release: () => void
  /** the client has gone, or undoes it */
  readonly abandon: () => void
}

/** One client, by its session. */
export interface Holder {
  /** how `debugInfo` names it */
  readonly name: string
  /**
   * Puts what was handed out under the client's number. False if the client has gone: then nobody has it, and neither
   * function will be called.
   */
  readonly hold: (number: number, held: Held) => boolean
  readonly held: (number: number) => Held | undefined
  /** Forgets what is under a number: somebody else has ended it. Neither function will be called. */
  readonly drop: (number: number) => void
}

/** What an object knows of the manager it is in. */
export interface Place {
  /** closes when the object ends */
  readonly scope: Scope.Scope
  /**
   * Leases what values refer to, as long as they are stored: all of them or none. To be called uninterruptibly: who is
   * interrupted afterwards would have leased what nobody gives back.
   */
  readonly keep: (values: ReadonlyArray<Stored>, restore: Restore) => Effect.Effect<ReadonlyArray<Kept>, RemoteError>
  /** Makes values ready to travel, also where they are dropped meanwhile. */
  readonly give: (values: ReadonlyArray<Kept>) => Effect.Effect<ReadonlyArray<Stored>, RemoteError>
  /** The value is stored no more. */
  readonly drop: (kept: Kept) => void
  /** A new object of this manager, and a ticket for it. */
  readonly create: (builtIn: BuiltIn, payload: unknown) => Effect.Effect<Ref, unknown>
  /** Whether it stands for an object of this manager. */
  readonly owns: (ref: Ref) => boolean
  /** A function that the manager's module implements. */
  readonly fn: (id: string) => Implementation | undefined
}

/** One method of an object: answers with an Exit where nothing has to be waited for, which costs no fiber. */
export type Handler = (payload: any, holder: Holder) => Answer

/** How an object is called, once for all who call it. */
export interface Behaviour {
  /** by the name of a method that its contract has */
  readonly call: (method: string, payload: any, holder: Holder) => Answer
  /** a few words about what is in it, for `debugInfo` */
  readonly summary: () => string
}

export interface BuiltIn {
  readonly declaration: ObjectDeclaration
  /** `drop`s all that it keeps when its Scope closes */
  readonly make: (payload: any, place: Place) => Effect.Effect<Behaviour, unknown>
}
