import type * as Remote from "effect-multiprocessing/Remote"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import { add } from "./checked.ts"

// annotated, since the types of two files that infer each other's would go round in a circle
const layer: Layer.Layer<Remote.Handler<"checked/add">> = add.toLayer(({ a, b }) => Effect.succeed(a + b))
export default layer
