/** Proxies of events. */
import type * as Duration from "effect/Duration"
import * as Schema from "effect/Schema"
import * as Remote from "../../remote/Remote.ts"
import type { RemoteEvent } from "../RemoteEvent.ts"
import * as Holding from "./holding.ts"

export class Event extends Remote.Object<Event>()("effect-multiprocessing/Event", {
  methods: {
    raise: {},
    lower: {},
    state: { success: Schema.Boolean },
    raised: { payload: { timeout: Holding.Timeout }, success: Schema.Boolean }
  }
}) implements RemoteEvent {
  get set() {
    return this.raise()
  }
  get clear() {
    return this.lower()
  }
  get isSet() {
    return this.state()
  }
  get wait() {
    return (timeout?: Duration.Input) => this.raised(Holding.within(timeout))
  }
}
