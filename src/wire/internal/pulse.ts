import type { Inbound } from "./inbound.ts"
import type { Outbound } from "./outbound.ts"
import { kind } from "./records.ts"

/** Pings a peer from which nothing was heard for an interval, and takes it as gone after another one. */
export class Pulse {
  private readonly timer: NodeJS.Timeout
  private asked = false

  constructor(interval: number, inbound: Inbound, out: Outbound, silent: () => void) {
    let id = 0
    this.timer = setInterval(() => {
      if (inbound.heard) this.asked = false
      else if (this.asked) return silent()
      else {
        this.asked = true
        out.bare(kind.ping, 0, id++ >>> 0)
      }
      inbound.heard = false
    }, interval)
    this.timer.unref()
  }

  stop(): void {
    clearInterval(this.timer)
  }
}
