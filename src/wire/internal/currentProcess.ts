import type * as Effect from "effect/Effect"
import type { AuthKey } from "../AuthKey.ts"
import * as AuthKeys from "./authKey.ts"

/** The process that started this one. */
export interface ParentProcess {
  readonly name: string
  readonly pid: number
  readonly isAlive: Effect.Effect<boolean>
  /** completes when the parent is gone, however it went */
  readonly sentinel: Effect.Effect<void>
}

export interface CurrentProcess {
  readonly name: string
  readonly pid: number
  /** the path from the root: its n-th child is `[n]`, that one's m-th `[n, m]`; the root's is empty */
  readonly identity: ReadonlyArray<number>
  readonly daemon: boolean
  readonly authKey: AuthKey
  readonly parent: ParentProcess | undefined
}

let current: CurrentProcess | undefined
let children = 0

export const get = (): CurrentProcess =>
  current ??= {
    name: "MainProcess",
    pid: process.pid,
    identity: [],
    daemon: false,
    authKey: AuthKeys.randomUnsafe(),
    parent: undefined
  }

/** A child knows who it is before it loads any code of its user. */
export const set = (value: CurrentProcess): void => {
  current = value
}

export const nextIdentity = (): ReadonlyArray<number> => [...get().identity, ++children]
