import type { Echo, Receive } from "./worker.ts"

/** What somebody who was not started by us can be asked, over an authenticated connection. */
export interface Talker {
  /** connects and closes so many times, so many at a time */
  readonly handshakes: Echo
  readonly oneWay: (size: number) => Receive
  readonly echo: (size: number) => Echo
  /** calls of a method, one after another */
  readonly tiny: Echo
}
