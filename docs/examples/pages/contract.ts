/** What the processes share, and what each of them does. */
import * as Remote from "effect-multiprocessing/Remote"
import * as RemoteLock from "effect-multiprocessing/RemoteLock"
import * as RemoteMap from "effect-multiprocessing/RemoteMap"
import * as Schema from "effect/Schema"

/** Lets so many pass in a second, of all processes together. */
export class Limiter extends Remote.Object<Limiter>()("pages/Limiter", {
  payload: { perSecond: Schema.Finite },
  methods: {
    pass: {},
    passed: { success: Schema.Int }
  }
}) {}

export class Reader extends Remote.Service<Reader>()("pages/Reader", {
  read: {
    payload: {
      url: Schema.String,
      limiter: Limiter.schema,
      lock: RemoteLock.schema,
      cache: RemoteMap.schema(Schema.String, Schema.String)
    },
    success: Schema.Struct({ page: Schema.String, abandoned: Schema.Boolean }),
    // reading again does no harm
    idempotent: true
  }
}) {}
