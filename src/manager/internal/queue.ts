/** Proxies of queues, as they travel. */
import * as Schema from "effect/Schema"
import { Ref } from "../../remote/internal/control.ts"
import * as Remote from "../../remote/Remote.ts"
import { ContainerError } from "../ContainerError.ts"
import { Stored } from "./builtIn.ts"
import * as Holding from "./holding.ts"

export const Take = Schema.Struct({
  /** under which the client has what it has not confirmed yet */
  number: Schema.Int,
  most: Schema.Int.check(Schema.isGreaterThan(0)),
  timeout: Holding.Timeout
})

export type Take = typeof Take.Type

const methods = {
  /** whether it was put in before it was late */
  put: { payload: { value: Stored, timeout: Holding.Timeout }, success: Schema.Boolean, error: ContainerError },
  /** none if it was late */
  take: { payload: Take, success: Schema.Array(Stored), error: ContainerError },
  size: { success: Schema.Int },
  capacity: { success: Schema.Number },
  shutdown: { payload: { immediate: Schema.Boolean } },
  isShutdown: { success: Schema.Boolean },
  iterate: { success: Ref }
} as const

const payload = { capacity: Schema.Number.check(Schema.isGreaterThan(0)) } as const

export class Queue extends Remote.Object<Queue>()("effect-multiprocessing/Queue", { payload, methods }) {}

export class JoinableQueue extends Remote.Object<JoinableQueue>()("effect-multiprocessing/JoinableQueue", {
  payload,
  methods: {
    ...methods,
    taskDone: { payload: { count: Schema.Int.check(Schema.isGreaterThanOrEqualTo(0)) }, error: ContainerError },
    join: {},
    unfinished: { success: Schema.Int }
  }
}) {}
