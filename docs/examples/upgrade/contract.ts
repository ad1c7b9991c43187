/** Who accepts connections, and who serves them. All sides import it. */
import * as Reduction from "effect-multiprocessing/Reduction"
import * as Remote from "effect-multiprocessing/Remote"
import * as Schema from "effect/Schema"

/** A server on its way: whoever only passes it on accepts nothing with it. */
const Passed = Schema.toEncoded(Reduction.Server)

export class Front extends Remote.Service<Front>()("app/Front", {
  /** Listens; its port. */
  listen: { success: Schema.Int },
  /** What it listens with, for its successor. */
  handOver: { success: Passed },
  /** Goes on where its predecessor was. */
  takeOver: { payload: { server: Passed } },
  /** Accepts no more, and answers when all that it has accepted has been served: how many. */
  retire: { success: Schema.Int }
}) {}

export class Worker extends Remote.Service<Worker>()("app/Worker", {
  /** Serves a connection until its other end closes it. */
  serve: { payload: { socket: Reduction.Socket } }
}) {}
