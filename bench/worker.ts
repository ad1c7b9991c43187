/** What every solution is asked to do, and the loops that ask. */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Payloads from "./payloads.ts"

/** How many milliseconds it took; fails when an answer was wrong. */
export type Timed = Effect.Effect<number, unknown>

/** Sends so many, at most `inFlight` of them unanswered, and has them back. */
export type Echo = (count: number, inFlight: number) => Timed

/** Receives so many. */
export type Receive = (count: number) => Timed

/** What somebody at work in another process or thread can be asked. What a solution does not have is absent. */
export interface Worker {
  /** of a thread, that of its process */
  readonly pid?: Timed
  /** it has one call in flight at most */
  readonly oneByOne?: true
  readonly tiny?: Echo
  readonly person?: Echo
  readonly bytes?: (size: number) => Echo
  /** the numbers from 1, made so many at a time */
  readonly numbers?: (chunk: number) => Receive
  readonly blobs?: (size: number) => Receive
  /** logged by the worker, and taken by a logger of who asks */
  readonly lines?: Receive
}

/** Its Scope is the worker's life. */
export type Solution = Effect.Effect<Worker, unknown, Scope.Scope>

class WrongAnswer extends Data.TaggedError("WrongAnswer")<{ readonly message: string }> {}

const check = <A>(payload: Payloads.Payload<A>, answer: unknown, n: number): void => {
  if (!payload.isAnswer(answer, n)) throw new WrongAnswer({ message: `${payload.name} ${n} came back as another` })
}

/** The time of what a Promise stands for. */
export const timedPromise = (run: (signal: AbortSignal) => Promise<void>): Timed =>
  Effect.tryPromise({
    try: async (signal) => {
      const begin = performance.now()
      await run(signal)
      return performance.now() - begin
    },
    catch: (error) => error
  })

/** The time of an Effect. */
export const timed = <R>(effect: Effect.Effect<unknown, unknown, R>): Effect.Effect<number, unknown, R> =>
  Effect.suspend(() => {
    const begin = performance.now()
    return Effect.map(effect, () => performance.now() - begin)
  })

export const echoByPromise =
  <A>(payload: Payloads.Payload<A>, ask: (payload: A) => Promise<unknown>): Echo => (count, inFlight) =>
    timedPromise(async (signal) => {
      let next = 0
      const loop = async () => {
        while (next < count && !signal.aborted) {
          const n = next++
          check(payload, await ask(payload.make(n)), n)
        }
      }
      await Promise.all(Array.from({ length: inFlight }, loop))
    })

/** `done` is told of each answer that has been looked at. */
export const echoByEffect = <A, E>(
  payload: Payloads.Payload<A>,
  ask: (payload: A) => Effect.Effect<unknown, E>,
  done?: (answer: unknown) => Effect.Effect<void>
): Echo =>
(count, inFlight) =>
  timed(Effect.suspend(() => {
    let next = 0
    const loop = Effect.gen(function*() {
      while (next < count) {
        const n = next++
        const answer = yield* ask(payload.make(n))
        check(payload, answer, n)
        if (done !== undefined) yield* done(answer)
      }
    })
    return Effect.all(Array.from({ length: inFlight }, () => loop), { concurrency: inFlight, discard: true })
  }))

/** Who takes whatever is sent takes all payloads. */
export const echoes = (ask: (payload: unknown) => Promise<unknown>) => ({
  tiny: echoByPromise(Payloads.tiny, ask),
  person: echoByPromise(Payloads.person, ask),
  bytes: (size: number) => echoByPromise(Payloads.bytes(size), ask)
})

/** Looks at what it takes; at the end, at how much it was. */
export interface Taker {
  readonly take: (element: unknown) => void
  readonly end: () => void
}

export const numbersTaker = (count: number): Taker => {
  let last = 0
  return {
    take: (element) => {
      if (element !== ++last) throw new WrongAnswer({ message: `${String(element)} came in the place of ${last}` })
    },
    end: () => {
      if (last !== count) throw new WrongAnswer({ message: `${last} numbers came instead of ${count}` })
    }
  }
}

export const linesTaker = (count: number): Taker => {
  let taken = 0
  return {
    take: (line) => {
      const { n } = line as { readonly n: number }
      if (n !== taken++) throw new WrongAnswer({ message: `line ${n} came in the place of ${taken - 1}` })
    },
    end: () => {
      if (taken !== count) throw new WrongAnswer({ message: `${taken} lines came instead of ${count}` })
    }
  }
}

/** The same blob again and again. */
export const blobsTaker = (size: number) => {
  const payload = Payloads.bytes(size)
  return (count: number): Taker => blobTaker(payload, count)
}

const blobTaker = (payload: Payloads.Payload<Uint8Array>, count: number): Taker => {
  let taken = 0
  return {
    take: (element) => {
      check(payload, element, 0)
      taken++
    },
    end: () => {
      if (taken !== count) throw new WrongAnswer({ message: `${taken} blobs came instead of ${count}` })
    }
  }
}

export const receiveByEffect = <E>(
  taker: (count: number) => Taker,
  stream: (count: number) => Stream.Stream<unknown, E>,
  done?: (element: unknown) => Effect.Effect<void>
): Receive =>
(count) =>
  timed(Effect.suspend(() => {
    const { end, take } = taker(count)
    const looked = (elements: ReadonlyArray<unknown>) => Effect.sync(() => elements.forEach(take))
    return Effect.map(
      Stream.runForEachArray(
        stream(count),
        done === undefined
          ? looked
          : (elements) => Effect.andThen(looked(elements), Effect.forEach(elements, done, { discard: true }))
      ),
      end
    )
  }))
