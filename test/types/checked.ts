/** A contract whose function names the type of its module, which needs one annotation there. */
import * as Remote from "effect-multiprocessing/Remote"
import * as Schema from "effect/Schema"

// oxlint-disable-next-line typescript/consistent-type-imports -- as users write it
const module = Remote.module<typeof import("./checked.live.ts")>(new URL("./checked.live.ts", import.meta.url))

export const add = Remote.fn("checked/add", { module, payload: { a: Schema.Int, b: Schema.Int }, success: Schema.Int })

// @ts-expect-error Argument of type '"checked/sub"' is not assignable to parameter of type '"checked/add"'.
export const sub = Remote.fn("checked/sub", { module })
