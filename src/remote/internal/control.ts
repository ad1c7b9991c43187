/** What a process asks of a manager beside the calls of its objects. */
import * as Schema from "effect/Schema"
import * as Contract from "./contract.ts"
import type { Declaration } from "./implementation.ts"

const id = "effect-multiprocessing/Manager"

const contract = (name: string, options: Contract.Options) =>
  Contract.make(`${id}/${name}`, { ...options, quiet: true })

/** one that the client has chosen, of a lease or of something else that it holds */
const Number = Schema.Int

/**
 * What stands for a proxy in a message: a ticket, which belongs to the manager, survives its sender, and becomes a lease
 * of whoever redeems it first.
 */
export const Ref = Schema.Struct({
  type: Schema.String,
  /** the manager's, new for each start of it */
  manager: Schema.String,
  /** where the manager is, as the sender knows it; empty where only its own process can reach it */
  address: Schema.String,
  ticket: Schema.Int
})

export type Ref = typeof Ref.Type

export const ObjectInfo = Schema.Struct({
  id: Schema.Int,
  type: Schema.String,
  /** held by proxies, of whatever process */
  leases: Schema.Int,
  /** on their way */
  tickets: Schema.Int,
  /** stored in other objects of the same manager */
  stored: Schema.Int,
  /** calls that run */
  calls: Schema.Int,
  /** who holds the leases, and how many each */
  holders: Schema.Record(Schema.String, Schema.Int),
  /** a few words about what is in it */
  summary: Schema.String
})

export const MethodInfo = Schema.Struct({
  name: Schema.String,
  stream: Schema.Boolean,
  fingerprint: Schema.String,
  /** JSON Schemas of the encoded sides */
  payload: Schema.Unknown,
  success: Schema.Unknown,
  error: Schema.Unknown
})

export const TypeInfo = Schema.Struct({
  type: Schema.String,
  /** its constructor, named "create" */
  create: MethodInfo,
  methods: Schema.Array(MethodInfo)
})

export const Description = Schema.Struct({
  manager: Schema.String,
  address: Schema.String,
  pid: Schema.Int,
  types: Schema.Array(TypeInfo)
})

export const contracts = {
  about: contract("about", { success: Schema.Struct({ manager: Schema.String, address: Schema.String }) }),
  /** makes a ticket of a lease */
  ticket: contract("ticket", { payload: Number, success: Schema.Int }),
  /** makes a lease of a ticket; which object it is, by the manager's own number */
  redeem: contract("redeem", {
    payload: Schema.Struct({ type: Schema.String, ticket: Schema.Int, as: Number }),
    success: Schema.Int
  }),
  /** makes a second lease of one */
  retain: contract("retain", { payload: Schema.Struct({ lease: Number, as: Number }) }),
  /** undoes what the client holds under a number, as if the client had gone */
  abandon: contract("abandon", { payload: Number }),
  numberOfObjects: contract("numberOfObjects", { success: Schema.Int }),
  debugInfo: contract("debugInfo", { success: Schema.Array(ObjectInfo) }),
  describe: contract("describe", { success: Description })
}

export const declaration: Declaration = { kind: "service", id, contracts }
