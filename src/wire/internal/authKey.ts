import * as Equal from "effect/Equal"
import * as Hash from "effect/Hash"
import { NodeInspectSymbol } from "effect/Inspectable"
import * as Redacted from "effect/Redacted"
import type { AuthKey } from "../AuthKey.ts"

const TypeId = "~effect-multiprocessing/AuthKey"

/** Loaded when it is needed: it takes 5 ms, and a child that is given its key does not need it to start. */
const crypto = () => process.getBuiltinModule("node:crypto")

/** what every way of showing a key shows */
const shown = "AuthKey(<redacted>)"
const show = () => shown

class Key implements AuthKey {
  /** errors name a value by its constructor */
  static readonly name = "AuthKey"
  readonly [TypeId] = TypeId
  /** a property of the instance: a function makes structured clones (`postMessage`, `v8.serialize`) fail */
  readonly toJSON = show
  /** Redacted within a private field, since debuggers show private fields */
  readonly #secret: Redacted.Redacted<Uint8Array>

  constructor(bytes: Uint8Array) {
    // A copy in memory of its own: a Buffer's may be shared with anything.
    this.#secret = Redacted.make(new Uint8Array(bytes))
  }

  static is(value: unknown): value is Key {
    return typeof value === "object" && value !== null && #secret in value
  }

  static bytes(key: AuthKey): Uint8Array {
    if (Key.is(key)) return Redacted.value(key.#secret)
    throw new TypeError("an AuthKey of another copy of effect-multiprocessing")
  }

  toString(): string {
    return shown
  }

  [NodeInspectSymbol](): string {
    return shown
  }

  [Equal.symbol](that: unknown): boolean {
    return Key.is(that) && equals(this, that)
  }

  /** the same for all keys: a hash of the bytes would tell about them */
  [Hash.symbol](): number {
    return Hash.string(TypeId)
  }
}

export const isAuthKey = (value: unknown): value is AuthKey => Key.is(value)

/** `bytes` are copied and not checked. */
export const make = (bytes: Uint8Array): AuthKey => new Key(bytes)

export const randomUnsafe = (): AuthKey => make(crypto().randomBytes(32))

/** The time it takes says nothing about the bytes, nor about how many there are. */
export const equals = (self: AuthKey, that: AuthKey): boolean => crypto().timingSafeEqual(digest(self), digest(that))

const digest = (key: AuthKey): Uint8Array => crypto().createHash("sha256").update(Key.bytes(key)).digest()

/** A copy of the secret: for handshakes, and for the private socket of a child. Everything else asks for an `AuthKey`. */
export const unsafeBytes = (key: AuthKey): Uint8Array => new Uint8Array(Key.bytes(key))
