/** Two streams that carry each other's bytes, of which neither is ahead of the other by more than its buffers. */
import type { Duplex } from "node:stream"
import type { Inlet } from "../../wire/internal/inlet.ts"
import { Half } from "./half.ts"

/** What a connection stood on, and what it had read and given to nobody. */
export interface Loose {
  readonly stream: Duplex
  /** where its bytes come from, if it was made so */
  readonly inlet: Inlet | undefined
  readonly leftover: Uint8Array
}

export const relay = (a: Loose, b: Loose): void => {
  carry(a, b.stream)
  carry(b, a.stream)
}

const carry = ({ inlet, leftover, stream }: Loose, to: Duplex): void => {
  let ended = false
  // All that was read is delivered before the end is.
  const end = (): void => {
    ended = true
    to.end(() => to.destroy())
  }
  let waiting = false
  const resume = (): void => {
    waiting = false
    stream.resume()
  }
  const push = (bytes: Uint8Array): void => {
    if (to.destroyed || to.writableEnded) return
    if (to instanceof Half ? to.give(bytes, resume) : to.write(bytes)) return
    waiting = true
    stream.pause()
  }
  stream.on("error", () => {})
  stream.once("end", end)
  stream.once("close", () => {
    if (!ended) to.destroy(stream.errored ?? undefined)
  })
  if (!(to instanceof Half)) to.on("drain", resume)
  if (leftover.length > 0) push(leftover)
  if (stream.destroyed || stream.readableEnded) return end()
  if (stream instanceof Half) stream.carryTo(to)
  if (inlet === undefined) stream.on("data", push)
  else {
    const scratch = new Uint8Array(64 << 10)
    inlet.redirect({
      buffer: () => scratch,
      received: (n) => push(scratch.slice(0, n)),
      push: (bytes) => push(bytes.slice()),
      closed: () => {}
    })
  }
  if (!waiting) stream.resume()
}

/** Ends a stream whose other side nobody will be. */
export const abandon = ({ stream }: Loose): void => {
  stream.on("error", () => {})
  stream.end(() => stream.destroy())
}
