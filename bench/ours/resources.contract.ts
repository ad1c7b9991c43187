/** Who looks at what it is handed. */
import * as Reduction from "effect-multiprocessing/Reduction"
import * as Remote from "effect-multiprocessing/Remote"
import * as SharedMemory from "effect-multiprocessing/SharedMemory"
import * as Schema from "effect/Schema"

export class Reader extends Remote.Service<Reader>()("bench/Reader", {
  see: { payload: Schema.Uint8Array, success: Schema.UndefinedOr(Schema.Int) }
}) {}

export class SegmentReader extends Remote.Service<SegmentReader>()("bench/SegmentReader", {
  /** attaches it if it has not, and keeps it */
  seeKept: { payload: { name: Schema.String, size: Schema.Int }, success: Schema.UndefinedOr(Schema.Int) },
  seeFresh: { payload: { segment: SharedMemory.schema }, success: Schema.UndefinedOr(Schema.Int) }
}) {}

export class SocketTaker extends Remote.Service<SocketTaker>()("bench/SocketTaker", {
  take: { payload: { socket: Reduction.Socket, n: Schema.Int } }
}) {}
