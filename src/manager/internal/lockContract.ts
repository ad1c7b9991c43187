/** What travels between the proxies of a lock and the manager that it is in. */
import * as Schema from "effect/Schema"
import { SyncError } from "../SyncError.ts"
import { Timeout } from "./holding.ts"

export const Obtain = Schema.Struct({
  /** under which the client will have it */
  number: Schema.Int,
  /** who the caller is already, and last who it will be */
  owners: Schema.Array(Schema.String),
  timeout: Timeout,
  /** until somebody releases it, instead of by the number */
  taken: Schema.optionalKey(Schema.Boolean)
})

export type Obtain = typeof Obtain.Type

/** `abandoned`: acquired, and its last owner has not given it back; `late`: not acquired */
export const Obtained = Schema.Literals(["acquired", "abandoned", "late"])

export type Obtained = typeof Obtained.Type

/** of what has a lock */
export const mutexMethods = {
  obtain: { payload: Obtain, success: Obtained },
  locked: { success: Schema.Boolean }
} as const

/** of what conditions can share */
export const lockMethods = {
  ...mutexMethods,
  identity: { success: Schema.String }
} as const

/** of what can be taken for no Scope */
export const takenMethods = {
  ...lockMethods,
  giveBack: { error: SyncError }
} as const
