/** A service that tells how far it is, on a pipe's end that it is given. */
import * as Connection from "effect-multiprocessing/Connection"
import * as Remote from "effect-multiprocessing/Remote"
import * as Schema from "effect/Schema"

export const Progress = Schema.Struct({ done: Schema.Int, of: Schema.Int })

export class Indexer extends Remote.Service<Indexer>()("app/Indexer", {
  index: { payload: { texts: Schema.Array(Schema.String), progress: Connection.schema }, success: Schema.Int }
}) {}
