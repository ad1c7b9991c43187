/** A picture in shared memory, and who filters it. Both sides import it. */
import * as Remote from "effect-multiprocessing/Remote"
import * as SharedMemory from "effect-multiprocessing/SharedMemory"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"

/** how a picture begins; behind it are its pixels, 3 bytes each, row by row */
const Head = { width: "uint32", height: "uint32" } as const

export interface Picture {
  readonly width: number
  readonly height: number
  readonly pixels: Uint8Array<SharedArrayBuffer>
}

/** A new picture, black. */
export const make = Effect.fnUntraced(function*(width: number, height: number) {
  const segment = yield* SharedMemory.make({ size: SharedMemory.sizeOf(Head) + width * height * 3 })
  Object.assign(yield* SharedMemory.struct(segment, Head), { width, height })
  return segment
})

/** The picture in a segment. */
export const open = Effect.fnUntraced(function*(segment: SharedMemory.SharedMemory) {
  const { height, width } = yield* SharedMemory.struct(segment, Head)
  const offset = SharedMemory.sizeOf(Head)
  const pixels = yield* SharedMemory.view(segment, "uint8", { offset, length: width * height * 3 })
  return { width, height, pixels } satisfies Picture
})

export class Filter extends Remote.Service<Filter>()("app/Filter", {
  /** Takes the specks out of some rows; `source` and `target` arrive attached. Answers with the pid. */
  median: {
    payload: { source: SharedMemory.schema, target: SharedMemory.schema, from: Schema.Int, to: Schema.Int },
    success: Schema.Int
  }
}) {}
