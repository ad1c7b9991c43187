/** Proxies of lists, as they travel. */
import * as Schema from "effect/Schema"
import { Ref } from "../../remote/internal/control.ts"
import * as Remote from "../../remote/Remote.ts"
import { ContainerError } from "../ContainerError.ts"
import { Stored } from "./builtIn.ts"
import { Changed, Fn } from "./change.ts"

const values = Schema.Array(Stored)
const found = Schema.Array(Stored)
const index = Schema.Int
const part = { start: Schema.optionalKey(Schema.Int), end: Schema.optionalKey(Schema.Int) }

export class List extends Remote.Object<List>()("effect-multiprocessing/List", {
  payload: { values },
  methods: {
    extend: { payload: { values }, success: Schema.Int },
    insert: { payload: { index, value: Stored } },
    /** at most one */
    at: { payload: { index }, success: found },
    put: { payload: { index, value: Stored }, error: ContainerError },
    pop: { payload: { index: Schema.optionalKey(Schema.Int) }, success: found },
    cut: { payload: part, success: Schema.Int },
    remove: { payload: { value: Stored }, success: Schema.Boolean },
    indexOf: { payload: { value: Stored }, success: Schema.Int },
    count: { payload: { value: Stored }, success: Schema.Int },
    size: { success: Schema.Int },
    turn: {},
    part: { payload: part, success: Stored, stream: true },
    change: { payload: { index, fn: Fn }, success: Changed, error: ContainerError },
    iterate: { success: Ref },
    changes: { success: Schema.Int, stream: true }
  }
}) {}
