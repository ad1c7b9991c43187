import type { Echo, Receive } from "./worker.ts"

/** What can be asked of two processes that have done nothing yet, too. */
export interface Beginner {
  /** connects and closes so many times, so many at a time */
  readonly handshakes: Echo
  /** calls of a method, one after another */
  readonly tiny: Echo
}

/** What somebody who was not started by us can be asked, over an authenticated connection. */
export interface Talker extends Beginner {
  readonly oneWay: (size: number) => Receive
  readonly echo: (size: number) => Echo
}
