/**
 * Frames as CPython's `multiprocessing.connection` writes them: the length in 4 bytes big-endian, or -1 and the length
 * in 8 bytes. Like `inlet.ts`, this file is loaded before `effect` is.
 */
import { concat, type Inlet } from "./inlet.ts"

/**
 * The next frame, whose length is checked before anything is allocated for it; what follows it stays in the inlet.
 * Whoever waits must also watch the socket: when that ends, the frame never comes.
 */
export const readOne = (inlet: Inlet, limit: number): Promise<Uint8Array> =>
  new Promise((resolve, reject) => {
    const own = new Uint8Array(16 << 10)
    let bytes: Uint8Array = new Uint8Array(0)
    const push = (more: Uint8Array): void => {
      bytes = concat(bytes, more)
      const frame = lengthOf(bytes)
      if (frame === undefined) return
      if (frame.length > limit) {
        inlet.hold(bytes)
        reject(new RangeError(`a frame of ${frame.length} bytes, the limit is ${limit}`))
        return
      }
      const end = frame.header + frame.length
      if (bytes.length < end) return
      inlet.hold(bytes.subarray(end))
      resolve(bytes.subarray(frame.header, end))
    }
    inlet.redirect({ buffer: () => own, received: (n) => push(own.subarray(0, n)), push, closed: () => {} })
  })

const lengthOf = (bytes: Uint8Array): { readonly header: number; readonly length: number } | undefined => {
  if (bytes.length < 4) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const short = view.getInt32(0)
  if (short >= 0) return { header: 4, length: short }
  if (short !== -1) return { header: 4, length: Number.POSITIVE_INFINITY }
  return bytes.length < 12 ? undefined : { header: 12, length: Number(view.getBigUint64(4)) }
}
