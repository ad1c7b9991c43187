import type { Inbound } from "./inbound.ts"
import type { Outbound } from "./outbound.ts"
import { kind } from "./records.ts"
import * as RunningTime from "./runningTime.ts"

/** Pings a peer from which nothing was heard for an interval, and takes it as gone after another one. */
export class Pulse {
  private asked = false
  private pings = 0
  private forget: () => void
  private readonly interval: number
  private readonly inbound: Inbound
  private readonly out: Outbound
  private readonly silent: () => void

  constructor(interval: number, inbound: Inbound, out: Outbound, silent: () => void) {
    this.interval = interval
    this.inbound = inbound
    this.out = out
    this.silent = silent
    this.forget = RunningTime.after(interval, this.beat)
  }

  private readonly beat = (): void => {
    const { inbound, out } = this
    if (inbound.heard) this.asked = false
    else if (this.asked) return this.silent()
    else {
      this.asked = true
      out.bare(kind.ping, 0, this.pings++ >>> 0)
    }
    inbound.heard = false
    this.forget = RunningTime.after(this.interval, this.beat)
  }

  stop(): void {
    this.forget()
  }
}
