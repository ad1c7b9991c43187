/** Proxies of sets, as they travel. Members are bytes, and hold no proxies. */
import * as Schema from "effect/Schema"
import { Ref } from "../../remote/internal/control.ts"
import * as Remote from "../../remote/Remote.ts"

const members = Schema.Array(Schema.Uint8Array)

export class Set_ extends Remote.Object<Set_>()("effect-multiprocessing/Set", {
  payload: { members },
  methods: {
    /** how many were not there */
    add: { payload: { members }, success: Schema.Int },
    /** how many were there */
    remove: { payload: { members }, success: Schema.Int },
    /** keeps those alone; how many are gone */
    retain: { payload: { members }, success: Schema.Int },
    /** how many of them are there */
    has: { payload: { members }, success: Schema.Int },
    /** at most one */
    pop: { success: members },
    size: { success: Schema.Int },
    clear: {},
    members: { success: Schema.Uint8Array, stream: true },
    iterate: { success: Ref },
    changes: { success: Schema.Int, stream: true }
  }
}) {}
