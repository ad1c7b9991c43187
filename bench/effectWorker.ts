/** Workers of those who are written with Effect: us and Effect's RPC. */
import type * as Effect from "effect/Effect"
import type * as Stream from "effect/Stream"
import * as Payloads from "./payloads.ts"
import * as W from "./worker.ts"

interface Methods {
  readonly pid: () => Effect.Effect<number, unknown>
  readonly tiny: (payload: Payloads.Tiny) => Effect.Effect<unknown, unknown>
  readonly person: (payload: Payloads.Person) => Effect.Effect<unknown, unknown>
  readonly bytes: (payload: Uint8Array) => Effect.Effect<unknown, unknown>
  readonly numbers: (_: { readonly count: number; readonly chunk: number }) => Stream.Stream<unknown, unknown>
  readonly blobs: (_: { readonly count: number; readonly size: number }) => Stream.Stream<unknown, unknown>
}

/** `done` is told of bytes that have been looked at. */
export const effectWorker = (
  { blobs, bytes, numbers, person, pid, tiny }: Methods,
  done?: (bytes: Uint8Array) => Effect.Effect<void>
): W.Worker => ({
  pid: pid(),
  tiny: W.echoByEffect(Payloads.tiny, tiny),
  person: W.echoByEffect(Payloads.person, person),
  bytes: (size) => W.echoByEffect(Payloads.bytes(size), bytes, done as (answer: unknown) => Effect.Effect<void>),
  numbers: (chunk) => W.receiveByEffect(W.numbersTaker, (count) => numbers({ count, chunk })),
  blobs: (size) =>
    W.receiveByEffect(
      W.blobsTaker(size),
      (count) => blobs({ count, size }),
      done as (element: unknown) => Effect.Effect<void>
    )
})
