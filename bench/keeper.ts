import type { Echo, Timed } from "./worker.ts"

/** What a process that keeps objects for others can be asked by one of its clients. */
export interface Keeper {
  /** gets of one value */
  readonly get: Echo
  /** an object is created, and released again */
  readonly created: Echo
  /** an item is put into a queue, and one is taken out */
  readonly pairs: Echo
}

/**
 * MiB that so many proxies, beside as many, take at a client and in the process that keeps their objects, both of them
 * new and idle: for so long that V8 has collected what is garbage, or, if it is to be quick, for a moment.
 */
export type Idle = (count: number, quick: boolean) => Timed
