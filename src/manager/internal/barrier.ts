/** Proxies of barriers. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Remote from "../../remote/Remote.ts"
import type { RemoteBarrier, WaitOptions } from "../RemoteBarrier.ts"
import { SyncError } from "../SyncError.ts"
import * as Holding from "./holding.ts"

export const Arrive = Schema.Struct({
  /** under which the client has the action, if it is to run it */
  number: Schema.Int,
  timeout: Holding.Timeout,
  /** it runs an action if it is the last */
  acts: Schema.Boolean
})

export type Arrive = typeof Arrive.Type

/** `acts`: all have come, and wait for this one's action */
export const Arrived = Schema.Struct({ index: Schema.Int, acts: Schema.Boolean })

export type Arrived = typeof Arrived.Type

const State = Schema.Struct({ parties: Schema.Int, waiting: Schema.Int, broken: Schema.Boolean })

const wait = <E, R>(barrier: Barrier, { action, timeout }: WaitOptions<E, R>) =>
  Effect.uninterruptibleMask((restore) =>
    Effect.flatMap(
      Holding.hold(
        barrier,
        restore,
        (number) => barrier.arrive({ number, acts: action !== undefined, ...Holding.exactly(timeout) })
      ),
      ({ answer: { acts, index }, number, release }) =>
        action === undefined || !acts ? Effect.succeed(index) : restore(action).pipe(
          Effect.andThen(restore(barrier.pass({ number }))),
          Effect.ensuring(Effect.sync(release)),
          Effect.as(index)
        )
    )
  )

export class Barrier extends Remote.Object<Barrier>()("effect-multiprocessing/Barrier", {
  payload: { parties: Schema.Int, timeout: Holding.Timeout },
  methods: {
    arrive: { payload: Arrive, success: Arrived, error: SyncError },
    /** the action has succeeded */
    pass: { payload: { number: Schema.Int }, error: SyncError },
    restart: {},
    break: {},
    state: { success: State }
  }
}) implements RemoteBarrier {
  get wait() {
    return <E = never, R = never>(options: WaitOptions<E, R> = {}) => wait(this, options)
  }
  get reset() {
    return this.restart()
  }
  get abort() {
    return this.break()
  }
  get parties() {
    return Effect.map(this.state(), ({ parties }) => parties)
  }
  get waiting() {
    return Effect.map(this.state(), ({ waiting }) => waiting)
  }
  get isBroken() {
    return Effect.map(this.state(), ({ broken }) => broken)
  }
}
