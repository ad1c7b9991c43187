/** The answers of those who are written with Effect: us and Effect's RPC. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as Payloads from "./payloads.ts"

const echo = <A>(payload: A) => Effect.succeed(payload)

export const handlers = {
  pid: () => Effect.sync(() => process.pid),
  tiny: echo<Payloads.Tiny>,
  person: echo<Payloads.Person>,
  bytes: echo<Uint8Array>,
  numbers: ({ chunk, count }: { readonly count: number; readonly chunk: number }) => Stream.range(1, count, chunk),
  blobs: ({ count, size }: { readonly count: number; readonly size: number }) => {
    const blob = Payloads.bytes(size).make(0)
    return Stream.map(Stream.range(1, count, 1), () => blob)
  }
}
