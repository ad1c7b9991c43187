/** Proxies of values, as they travel. */
import * as Schema from "effect/Schema"
import * as Remote from "../../remote/Remote.ts"
import { ContainerError } from "../ContainerError.ts"
import { Stored } from "./builtIn.ts"
import { Changed, Fn } from "./change.ts"

export class Value extends Remote.Object<Value>()("effect-multiprocessing/Value", {
  payload: { value: Stored },
  methods: {
    get: { success: Stored },
    set: { payload: { value: Stored } },
    swap: { payload: { value: Stored }, success: Stored },
    replace: { payload: { expected: Stored, value: Stored }, success: Schema.Boolean },
    add: { payload: { by: Schema.Number }, success: Schema.Number, error: ContainerError },
    change: { payload: { fn: Fn }, success: Changed, error: ContainerError },
    changes: { success: Stored, stream: true }
  }
}) {}
