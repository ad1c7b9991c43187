import type { Echo } from "./worker.ts"

/** What can be handed to another process: of bytes it looks at every page there, and answers. */
export interface Porter {
  /** sent in a message */
  readonly sent?: (size: number) => Echo
  /** copied into a segment that both keep */
  readonly kept?: (size: number) => Echo
  /** copied into a segment that is made for them, and ends when they have been looked at */
  readonly fresh?: (size: number) => Echo
  /** connected sockets, of whose other end a byte is read that is written there */
  readonly sockets?: Echo
}
