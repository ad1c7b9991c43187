import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as Stream from "effect/Stream"
import * as Session from "../../src/wire/Session.ts"
import type { Transport } from "../../src/wire/Transport.ts"
import { pair } from "./carriers.ts"
import type * as Memory from "./memoryTransport.ts"

export class Boom extends Schema.TaggedError<Boom>("test/Boom")("Boom", { why: Schema.String }) {}

export const method = (
  id: string,
  options: {
    readonly payload?: Schema.Top
    readonly success?: Schema.Top
    readonly error?: Schema.Top
    readonly stream?: boolean
  } = {}
): Session.Method =>
  Session.method({
    id,
    payload: options.payload ?? Schema.Void,
    success: options.success ?? Schema.Void,
    error: options.error ?? Schema.Never,
    stream: options.stream ?? false
  })

type Handled<Payload> = (
  payload: Payload
) => Effect.Effect<unknown, unknown, any> | Stream.Stream<unknown, unknown, any>

/** `handle` knows from the method's Schema what it gets. */
export const served = <Payload = any>(method: Session.Method, handle: Handled<Payload>): Session.Served => ({
  method,
  handle: (payload) => handle(payload as Payload)
})

/** Two sessions over what the test runs over; `b` serves. */
export const connected = Effect.fnUntraced(function*(
  serve: ReadonlyArray<Session.Served>,
  options: {
    readonly a?: Partial<Session.Options>
    readonly b?: Partial<Session.Options>
    readonly pair?: Parameters<typeof Memory.pair>[0]
  } = {}
) {
  const [left, right] = yield* pair(options.pair)
  const b = yield* Session.make({ transport: right, serve, ...options.b })
  const a = yield* Session.make({ transport: left, ...options.a })
  return { a, b, left, right }
})

export const over = (transport: Transport, options: Partial<Session.Options> = {}) =>
  Session.make({ transport, ...options })
