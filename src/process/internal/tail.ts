import type { Readable } from "node:stream"

/** The last bytes that were written, whatever their number. */
export interface Tail {
  readonly add: (chunk: Uint8Array) => void
  readonly bytes: () => Uint8Array
}

export const make = (limit: number): Tail => {
  let chunks: Array<Uint8Array> = []
  let size = 0
  return {
    add: (chunk) => {
      chunks.push(chunk)
      size += chunk.length
      while (size - chunks[0]!.length >= limit) size -= chunks.shift()!.length
    },
    bytes: () => {
      const all = Buffer.concat(chunks)
      chunks = [all]
      return all.subarray(Math.max(0, all.length - limit))
    }
  }
}

/** Follows a stream without taking anything from its other readers. */
export const follow = (stream: Readable, limit: number): Tail => {
  const tail = make(limit)
  stream.on("data", tail.add)
  return tail
}
