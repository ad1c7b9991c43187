/** Proxies of maps, as they travel. Keys are bytes, and hold no proxies. */
import * as Schema from "effect/Schema"
import { Ref } from "../../remote/internal/control.ts"
import * as Remote from "../../remote/Remote.ts"
import { ContainerError } from "../ContainerError.ts"
import { Stored } from "./builtIn.ts"
import { Changed, Fn } from "./change.ts"

const key = Schema.Uint8Array
const found = Schema.Array(Stored)
export const Entry = Schema.Tuple([key, Stored])
const entries = Schema.Array(Entry)

/** `Missed`: others that a slow watcher did not see */
export const Change = Schema.Union([
  Schema.TaggedStruct("Set", { key }),
  Schema.TaggedStruct("Removed", { key }),
  Schema.TaggedStruct("Cleared", {}),
  Schema.TaggedStruct("Missed", {})
])

export type Change = typeof Change.Type

export class Map_ extends Remote.Object<Map_>()("effect-multiprocessing/Map", {
  payload: { entries },
  methods: {
    get: { payload: { key }, success: found },
    set: { payload: { key, value: Stored } },
    setAll: { payload: { entries } },
    /** what is there, or has just been put there */
    setDefault: { payload: { key, value: Stored }, success: Stored },
    replace: { payload: { key, expected: Stored, value: Stored }, success: Schema.Boolean },
    add: { payload: { key, by: Schema.Number }, success: Schema.Number, error: ContainerError },
    change: { payload: { key, initial: Stored, fn: Fn }, success: Changed, error: ContainerError },
    has: { payload: { key }, success: Schema.Boolean },
    remove: { payload: { key }, success: Schema.Boolean },
    pop: { payload: { key }, success: found },
    popLast: { success: entries },
    size: { success: Schema.Int },
    clear: {},
    entries: { success: Entry, stream: true },
    keys: { success: key, stream: true },
    values: { success: Stored, stream: true },
    iterate: { success: Ref },
    changes: { success: Change, stream: true }
  }
}) {}
