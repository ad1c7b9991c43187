/**
 * One callable of a contract, compiled once per process: what both ends of a `Session` share.
 *
 * @stability unstable
 * @since 0.1.0
 */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import type * as Stream from "effect/Stream"
import * as Codec from "./Codec.ts"
import type { Durations } from "./internal/tally.ts"

/**
 * One callable of a contract.
 *
 * @stability unstable
 * @category models
 * @since 0.1.0
 */
export interface Method {
  /** unique among what one end serves, for example `app/Thumbnailer/resize` */
  readonly id: string
  readonly payload: Codec.Codec
  /** the result, or for a stream an array of its elements */
  readonly success: Codec.Codec
  readonly error: Codec.Codec
  readonly stream: boolean
  /** whether its calls have no spans: they are of this library's own making */
  readonly quiet: boolean
  /** differs when any of the Schemas differ */
  readonly fingerprint: string
  /** where its calls are counted, once there was one */
  durations?: Durations | undefined
}

/**
 * A `Method` and what answers it.
 *
 * @stability unstable
 * @category models
 * @since 0.1.0
 */
export interface Served {
  readonly method: Method
  /** a `Stream` exactly when `method.stream` */
  readonly handle: (payload: unknown) => Effect.Effect<unknown, unknown, any> | Stream.Stream<unknown, unknown, any>
}

/**
 * Compiles a `Method` from its Schemas.
 *
 * @stability unstable
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: {
  readonly id: string
  readonly payload: Schema.Top
  readonly success: Schema.Top
  readonly error: Schema.Top
  readonly stream: boolean
  readonly quiet?: boolean | undefined
}): Method => {
  const payload = Codec.make(options.payload)
  const success = Codec.make(options.stream ? Schema.Array(options.success) : options.success)
  const error = Codec.make(options.error)
  const { id, quiet = false, stream } = options
  return {
    id,
    payload,
    success,
    error,
    stream,
    quiet,
    // Asked for when a session begins, not where a contract is declared.
    get fingerprint() {
      return `${stream ? "stream" : "call"}-${payload.fingerprint}-${success.fingerprint}-${error.fingerprint}`
    }
  }
}

/**
 * The same method, whose Schemas find their services in `services`.
 *
 * **When to use**
 *
 * By a host, whose Session knows many implementations: what one Layer provides to its own Schemas is nobody else's.
 *
 * @stability unstable
 * @category combinators
 * @since 0.1.0
 */
export const provide = (method: Method, services: Context.Context<never>): Method => {
  const within = (codec: Codec.Codec): Codec.Codec => {
    const provided = (outcome: Codec.ToWire): Codec.ToWire =>
      Exit.isExit(outcome) ? outcome : Effect.provideContext(outcome, services)
    return {
      schema: codec.schema,
      get fingerprint() {
        return codec.fingerprint
      },
      toWire: (value) => provided(codec.toWire(value)),
      write: (writer, wire) => codec.write(writer, wire),
      read: (reader) => codec.read(reader),
      fromWire: (wire) => provided(codec.fromWire(wire))
    }
  }
  return {
    id: method.id,
    payload: within(method.payload),
    success: within(method.success),
    error: within(method.error),
    stream: method.stream,
    quiet: method.quiet,
    get fingerprint() {
      return method.fingerprint
    }
  }
}
