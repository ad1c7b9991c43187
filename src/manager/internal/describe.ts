/** A manager's types as data, for tools that have no contract. */
import * as Schema from "effect/Schema"
import type { Contract } from "../../remote/internal/contract.ts"
import type { Description, MethodInfo } from "../../remote/internal/control.ts"
import type { Type } from "./server.ts"

export const describe = (
  manager: { readonly manager: string; readonly address: string },
  types: ReadonlyArray<Type>
): typeof Description.Type => ({
  ...manager,
  pid: process.pid,
  types: types.map(({ declaration: { contracts, creation, id } }) => ({
    type: id,
    create: describeMethod("create", creation),
    methods: Object.entries(contracts).map(([name, contract]) => describeMethod(name, contract))
  }))
})

const describeMethod = (
  name: string,
  { error, method, payload, stream, success }: Contract
): typeof MethodInfo.Type => ({
  name,
  stream,
  fingerprint: method.fingerprint,
  payload: jsonSchema(payload),
  success: jsonSchema(success),
  error: jsonSchema(error)
})

/** What travels, as a JSON Schema; null where none can say it. */
const jsonSchema = (schema: Schema.Top): unknown => {
  try {
    return Schema.toJsonSchemaDocument(Schema.toEncoded(schema))
  } catch {
    return null
  }
}
