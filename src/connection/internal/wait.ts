/** Which of many things are ready. Each becomes an Effect that completes when it is, and takes nothing. */
import * as Effect from "effect/Effect"
import * as Net from "node:net"
import * as RealTime from "../../wire/internal/realTime.ts"
import type { Waitable } from "../Connection.ts"
import { Link } from "./link.ts"

/** Whether it has something to read, or its end. */
const isReady = (socket: Net.Socket): boolean => socket.readableLength > 0 || socket.readableEnded || socket.destroyed

const readable = (socket: Net.Socket): Effect.Effect<void> =>
  Effect.callback((resume) => {
    if (isReady(socket)) return resume(Effect.void)
    const ready = (): void => resume(Effect.void)
    socket.on("readable", ready).on("end", ready).on("close", ready)
    return Effect.sync(() => socket.off("readable", ready).off("end", ready).off("close", ready))
  })

const ready = (waitable: Waitable): Effect.Effect<unknown, unknown, any> => {
  if (waitable instanceof Net.Socket) return readable(waitable)
  if (waitable instanceof Link || "arrival" in waitable) return waitable.arrival
  return "poll" in waitable ? waitable.poll(Number.POSITIVE_INFINITY) : waitable
}

/** A whole turn: what the system has for us by now has been read. */
const turn: Effect.Effect<void> = Effect.promise(() =>
  new Promise<void>((resolve) => setImmediate(() => setImmediate(resolve)))
)

export const wait = <W extends Waitable>(
  waitables: ReadonlyArray<W>,
  millis: number
): Effect.Effect<Array<W>, never, any> =>
  Effect.scoped(Effect.gen(function*() {
    const fibers = yield* Effect.forEach(
      waitables,
      (waitable) => Effect.forkScoped(ready(waitable), { startImmediately: true })
    )
    const found = () => waitables.filter((_, i) => fibers[i]!.pollUnsafe() !== undefined)
    // Who reads a socket for the first time asks the system.
    if (millis <= 0 || waitables.some((waitable) => waitable instanceof Net.Socket)) yield* turn
    const first = found()
    if (first.length > 0 || millis <= 0) return first
    const any = Effect.callback<void>((resume) => {
      const forget = fibers.map((fiber) => fiber.addObserver(() => resume(Effect.void)))
      return Effect.sync(() => {
        for (const each of forget) each()
      })
    })
    yield* RealTime.within(any, millis)
    return found()
  }))
