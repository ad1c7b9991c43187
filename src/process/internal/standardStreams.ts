import * as Effect from "effect/Effect"
import * as Sink from "effect/Sink"
import * as Stream from "effect/Stream"
import type { Readable, Writable } from "node:stream"
import { InvalidOption, ProcessError } from "../ProcessError.ts"
import type { Tail } from "./tail.ts"

const notPiped = (name: string): ProcessError =>
  new ProcessError({
    reason: new InvalidOption({ option: `stdio.${name}`, detail: `is not "pipe", so there is nothing to use here` })
  })

const broken = (name: string) => (error: unknown): ProcessError =>
  new ProcessError({ reason: new InvalidOption({ option: `stdio.${name}`, detail: String(error) }) })

/** What is written to a pipe of the child, with its back-pressure. Reading less than all leaves the rest. */
export const output = (name: string, readable: Readable | null): Stream.Stream<Uint8Array, ProcessError> =>
  readable === null
    ? Stream.fail(notPiped(name))
    : Stream.suspend(() => Stream.fromAsyncIterable(readable.iterator({ destroyOnReturn: false }), broken(name)))

/** The same for a pipe that is followed before anybody reads it: the first reader gets what has been kept. */
export const followed = (
  name: string,
  readable: Readable | null,
  tail: Tail | undefined
): Stream.Stream<Uint8Array, ProcessError> => {
  let first = true
  return Stream.suspend(() => {
    const rest = output(name, readable)
    const before = first ? tail?.bytes() : undefined
    first = false
    return before === undefined || before.length === 0 ? rest : Stream.concat(Stream.succeed(before), rest)
  })
}

/** What the child reads; its end is the end of the sink. */
export const input = (
  name: string,
  writable: Writable | null
): Sink.Sink<void, Uint8Array | string, never, ProcessError> => {
  if (writable === null) return Sink.fail(notPiped(name))
  writable.on("error", () => {})
  const write = (chunk: Uint8Array | string) =>
    Effect.callback<void, ProcessError>((resume) => {
      writable.write(chunk, (error) => resume(error ? Effect.fail(broken(name)(error)) : Effect.void))
    })
  return Sink.ensuring(Sink.forEach(write), Effect.sync(() => writable.end()))
}
