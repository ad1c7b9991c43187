/**
 * How the values of containers travel: as bytes that the manager does not look into, and the proxies in them beside
 * these, so that it can lease what they stand for as long as it stores them.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type * as Schema from "effect/Schema"
import { holdsProxies } from "../../remote/internal/carried.ts"
import type { Ref } from "../../remote/internal/control.ts"
import { Leases, type Leases as LeasesShape, own } from "../../remote/internal/leases.ts"
import { gone } from "../../remote/internal/proxies.ts"
import * as Codec from "../../wire/Codec.ts"
import { isSuccess, issueOf, orFailWith } from "../../wire/internal/issue.ts"
import { Reader } from "../../wire/internal/reader.ts"
import { Writer } from "../../wire/internal/writer.ts"
import { DecodeFailed, EncodeFailed, RemoteError } from "../../wire/RemoteError.ts"
import type { Stored } from "./builtIn.ts"

/** Both ways of a value. An Exit where its Schema needs no fiber. */
export interface Packing {
  readonly pack: (value: unknown) => Effect.Effect<Stored, RemoteError, any>
  readonly unpack: (stored: Stored) => Effect.Effect<unknown, RemoteError, any>
}

/** what was made for a Schema, by its name and order: it is the same for all proxies */
const made = new WeakMap<Schema.Top, Map<string, Packing>>()

interface Options {
  /** equal values have equal bytes, whatever the order of their keys */
  readonly sorted?: boolean
  /** no proxies: they are not equal in bytes where they stand for the same object */
  readonly plain?: boolean
}

/** of keys and members, whose bytes say whether they are equal */
export const named: Options = { sorted: true, plain: true }

/** `name` is how errors call the value. */
export const packing = (name: string, schema: Schema.Top, { plain = false, sorted = false }: Options = {}): Packing => {
  let known = made.get(schema)
  if (known === undefined) made.set(schema, known = new Map())
  const key = `${plain} ${sorted} ${name}`
  let found = known.get(key)
  if (found === undefined) known.set(key, found = make(name, schema, sorted, plain))
  return found
}

const make = (name: string, schema: Schema.Top, sorted: boolean, plain: boolean): Packing => {
  const codec = Codec.make(schema)
  const encodeFailed = (issue: string) => new EncodeFailed({ method: name, part: "payload", issue })
  const decodeFailed = (issue: string) => new DecodeFailed({ method: name, part: "success", issue })
  const write = (wire: unknown): Exit.Exit<Uint8Array, RemoteError> => {
    try {
      return Exit.succeed(sorted ? bytesOf(codec, inOrder(wire)) : bytesOf(codec, wire))
    } catch (error) {
      return Exit.fail(new RemoteError({ reason: encodeFailed(issueOf(error)) }))
    }
  }
  const read = (bytes: Uint8Array): Exit.Exit<unknown, RemoteError> => {
    try {
      return Exit.succeed(wireOf(codec, bytes))
    } catch (error) {
      return Exit.fail(new RemoteError({ reason: decodeFailed(issueOf(error)) }))
    }
  }
  const pack = (value: unknown, proxies?: ReadonlyArray<Ref>): Effect.Effect<Stored, RemoteError, any> => {
    const finish = (wire: unknown) =>
      Exit.map(
        write(wire),
        (bytes): Stored => proxies === undefined || proxies.length === 0 ? { bytes } : { bytes, proxies }
      )
    const wire = codec.toWire(value)
    return isSuccess(wire) ? finish(wire.value) : Effect.flatMap(orFailWith(wire, encodeFailed), finish)
  }
  const unpack = ({ bytes }: Stored): Effect.Effect<unknown, RemoteError, any> => {
    const wire = read(bytes)
    if (Exit.isFailure(wire)) return wire
    const value = codec.fromWire(wire.value)
    return isSuccess(value) ? value : orFailWith(value, decodeFailed)
  }
  if (!holdsProxies(schema)) return { pack: (value) => pack(value), unpack }
  if (plain) {
    const refused = new RemoteError({ reason: encodeFailed("a proxy stands in it, which has no bytes to compare") })
    const leases: LeasesShape = { ...own, give: () => Effect.fail(refused) }
    return { pack: (value) => Effect.provideService(pack(value), Leases, leases), unpack }
  }
  return {
    pack: (value) =>
      Effect.suspend(() => {
        const { leases, proxies } = collector()
        return Effect.provideService(pack(value, proxies), Leases, leases)
      }),
    unpack: (stored) => Effect.provideService(unpack(stored), Leases, from(stored.proxies ?? []))
  }
}

/** as many as there are values within values whose Schemas pack others while they are packed */
const writers: Array<Writer> = []

const bytesOf = (codec: Codec.Codec, wire: unknown): Uint8Array => {
  const writer = writers.pop() ?? new Writer(4096)
  writer.begin(0)
  try {
    codec.write(writer, wire)
    writer.finish()
    const bytes = Buffer.concat(writer.take())
    return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length)
  } catch (error) {
    writer.rollback()
    throw error
  } finally {
    writer.reuse()
    writers.push(writer)
  }
}

const wireOf = (codec: Codec.Codec, bytes: Uint8Array): unknown => {
  const reader = bytes.length <= littleEnough ? overCopy(bytes) : over(bytes)
  const wire = codec.read(reader)
  reader.expectEnd()
  return wire
}

/** bytes that are copied in no time, while V8 moves a small array out of its heap for who asks for the memory it is in */
const littleEnough = 4 << 10

const copy = Buffer.alloc(littleEnough)
const viewOfCopy = new DataView(copy.buffer, copy.byteOffset, littleEnough)
const readerOfCopy = new Reader()

const overCopy = (bytes: Uint8Array): Reader => {
  copy.set(bytes)
  readerOfCopy.reset(copy, viewOfCopy, 0, bytes.length, undefined)
  return readerOfCopy
}

const over = ({ buffer, byteOffset, length }: Uint8Array): Reader => {
  const reader = new Reader()
  reader.reset(Buffer.from(buffer, byteOffset, length), new DataView(buffer, byteOffset, length), 0, length, undefined)
  return reader
}

/** The keys of maps and records in one order, so that what is equal is equal in bytes. */
const inOrder = (wire: unknown): unknown => {
  if (Array.isArray(wire)) return wire.map(inOrder)
  if (typeof wire !== "object" || wire === null || Object.getPrototypeOf(wire) !== Object.prototype) return wire
  return Object.fromEntries(
    Object.entries(wire).toSorted(([a], [b]) => a < b ? -1 : 1).map(([key, value]) => [key, inOrder(value)])
  )
}

/** Puts a number in the place of each proxy, and a ticket for it beside the bytes. */
const collector = () => {
  const proxies: Array<Ref> = []
  const leases: LeasesShape = {
    take: own.take,
    give: (proxy) =>
      Effect.map(
        own.give(proxy),
        (ref) => ({ type: ref.type, manager: "", address: "", ticket: proxies.push(ref) - 1 })
      )
  }
  return { leases, proxies }
}

/** Finds the proxies beside the bytes. */
const from = (proxies: ReadonlyArray<Ref>): LeasesShape => ({
  give: own.give,
  take: (prototype, type, { ticket }) => {
    const ref = proxies[ticket]
    return ref === undefined
      ? Effect.fail(gone({ type }, "what arrived has no proxy at that place"))
      : own.take(prototype, type, ref)
  }
})

export const packAll = (
  pack: Packing["pack"],
  values: Iterable<unknown>
): Effect.Effect<ReadonlyArray<Stored>, RemoteError, any> => Effect.forEach(values, pack)

/** Of what was found: at most one. */
export const first =
  (unpack: Packing["unpack"]) =>
  ([found]: ReadonlyArray<Stored>): Effect.Effect<Option.Option<any>, RemoteError, any> =>
    found === undefined ? Effect.succeed(Option.none()) : Effect.map(unpack(found), Option.some)
