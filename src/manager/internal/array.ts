/** Proxies of arrays of numbers, as they travel. */
import * as Schema from "effect/Schema"
import * as Remote from "../../remote/Remote.ts"
import { ContainerError } from "../ContainerError.ts"

export const Kind = Schema.Literals([
  "Int8",
  "Uint8",
  "Int16",
  "Uint16",
  "Int32",
  "Uint32",
  "Float32",
  "Float64"
])

export type Kind = typeof Kind.Type

const index = Schema.Int
const numbers = Schema.Array(Schema.Number)

export class Array_ extends Remote.Object<Array_>()("effect-multiprocessing/Array", {
  payload: { kind: Kind, length: Schema.Int, numbers },
  methods: {
    about: { success: Schema.Struct({ kind: Kind, length: Schema.Int }) },
    get: { payload: { index }, success: Schema.Number, error: ContainerError },
    set: { payload: { index, numbers }, error: ContainerError },
    add: { payload: { index, by: Schema.Number }, success: Schema.Number, error: ContainerError },
    part: { payload: { start: Schema.optionalKey(Schema.Int), end: Schema.optionalKey(Schema.Int) }, success: numbers }
  }
}) {}
