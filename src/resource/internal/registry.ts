/**
 * What stands for values that are no plain data where no Schema says what there is: `{ "~": tag, "is": ... }`. A plain
 * object that has a key "~" itself is written as `{ "~": "", "is": ... }`.
 */
import * as BigDecimal from "effect/BigDecimal"
import * as Cause from "effect/Cause"
import * as Chunk from "effect/Chunk"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Exit from "effect/Exit"
import * as HashMap from "effect/HashMap"
import * as HashSet from "effect/HashSet"
import * as Option from "effect/Option"
import * as Result from "effect/Result"

/** One kind of values: `to` gives what stands for one, in which others may be, and `from` makes it again or throws. */
export interface Kind {
  readonly tag: string
  readonly is: (value: unknown) => boolean
  readonly to: (value: any) => unknown
  readonly from: (parts: any) => unknown
}

const kind = <A>(
  tag: string,
  is: (value: unknown) => value is A,
  to: (value: A) => unknown,
  from: (parts: any) => A
): Kind => ({ tag, is, to, from })

interface ErrorParts {
  readonly name: string
  readonly message: string
  readonly stack: string
  readonly cause: ReadonlyArray<unknown>
  readonly errors: ReadonlyArray<unknown> | undefined
}

const errorFrom = ({ cause, errors, message, name, stack }: ErrorParts): Error => {
  const options = cause.length > 0 ? { cause: cause[0] } : {}
  const error = errors === undefined ? new Error(message, options) : new AggregateError(errors, message, options)
  Object.defineProperty(error, "name", { value: String(name), configurable: true, writable: true })
  Object.defineProperty(error, "stack", { value: String(stack), configurable: true, writable: true })
  return error
}

const durationFrom = (value: number | bigint | string): Duration.Duration =>
  value === "infinity"
    ? Duration.infinity
    : value === "-infinity"
    ? Duration.negativeInfinity
    : typeof value === "number"
    ? Duration.millis(value)
    : Duration.nanos(BigInt(value))

/** Of an interruption the fiber's number, which means nothing elsewhere, but tells two of them apart. */
const reasonTo = (reason: Cause.Reason<unknown>): ReadonlyArray<unknown> =>
  Cause.isFailReason(reason)
    ? ["fail", reason.error]
    : Cause.isDieReason(reason)
    ? ["die", reason.defect]
    : ["interrupt", reason.fiberId]

const reasonFrom = ([tag, value]: ReadonlyArray<any>): Cause.Reason<unknown> =>
  tag === "fail"
    ? Cause.makeFailReason(value)
    : tag === "die"
    ? Cause.makeDieReason(value)
    : Cause.makeInterruptReason(value)

const ofLibrary: ReadonlyArray<Kind> = [
  kind("Map", (value) => value instanceof Map, (map) => [...map], (entries) => new Map(entries)),
  kind("Set", (value) => value instanceof Set, (set) => [...set], (values) => new Set(values)),
  kind(
    "RegExp",
    (value) => value instanceof RegExp,
    ({ flags, source }) => [source, flags],
    ([source, flags]) => new RegExp(source, flags)
  ),
  kind("URL", (value) => value instanceof URL, (url) => url.href, (href) => new URL(href)),
  kind(
    "Error",
    (value) => value instanceof Error,
    (error): ErrorParts => ({
      name: error.name,
      message: error.message,
      stack: error.stack ?? "",
      cause: error.cause === undefined ? [] : [error.cause],
      errors: error instanceof AggregateError ? error.errors : undefined
    }),
    errorFrom
  ),
  kind("Option", Option.isOption, Option.toArray, ([...values]: ReadonlyArray<unknown>) => {
    if (values.length > 1) throw new TypeError("an Option of several values")
    return values.length === 0 ? Option.none() : Option.some(values[0])
  }),
  kind(
    "Result",
    Result.isResult,
    (result) => Result.isSuccess(result) ? ["success", result.success] : ["failure", result.failure],
    ([tag, value]) => tag === "success" ? Result.succeed(value) : Result.fail(value)
  ),
  kind(
    "Cause",
    Cause.isCause,
    ({ reasons }) => reasons.map(reasonTo),
    (reasons: ReadonlyArray<ReadonlyArray<unknown>>) => Cause.fromReasons(reasons.map(reasonFrom))
  ),
  kind(
    "Exit",
    Exit.isExit,
    (exit) => Exit.isSuccess(exit) ? ["success", exit.value] : ["failure", exit.cause],
    ([tag, value]) => tag === "success" ? Exit.succeed(value) : Exit.failCause(value)
  ),
  kind(
    "BigDecimal",
    BigDecimal.isBigDecimal,
    ({ scale, value }) => [value, scale],
    ([value, scale]) => BigDecimal.make(BigInt(value), scale)
  ),
  kind(
    "Duration",
    Duration.isDuration,
    (duration) =>
      Duration.match(duration, {
        onMillis: (millis): number | bigint | string => millis,
        onNanos: (nanos) => nanos,
        onInfinity: () => "infinity",
        onNegativeInfinity: () => "-infinity"
      }),
    durationFrom
  ),
  kind(
    "DateTime",
    (value): value is DateTime.Utc => DateTime.isDateTime(value) && DateTime.isUtc(value),
    DateTime.toEpochMillis,
    (millis) => DateTime.makeUnsafe(millis)
  ),
  kind(
    "DateTime.Zoned",
    (value): value is DateTime.Zoned => DateTime.isDateTime(value) && DateTime.isZoned(value),
    (at) => [DateTime.toEpochMillis(at), DateTime.zoneToString(at.zone)],
    ([millis, zone]) => DateTime.makeZonedUnsafe(millis, { timeZone: zone })
  ),
  kind("Chunk", Chunk.isChunk, (chunk) => [...chunk], Chunk.fromIterable),
  kind("HashMap", HashMap.isHashMap, (map) => [...map], HashMap.fromIterable),
  kind("HashSet", HashSet.isHashSet, (set) => [...set], HashSet.fromIterable)
]

/** what was registered last knows best what it is, so it is asked first */
const kinds = ofLibrary.toReversed()
const byTag = new Map(kinds.map((kind) => [kind.tag, kind]))

/** Two kinds of one tag would be taken for each other elsewhere. */
export const add = (kind: Kind): void => {
  if (kind.tag === "" || byTag.has(kind.tag)) {
    throw new TypeError(
      `Reduction.register: there is a kind of values with the tag ${JSON.stringify(kind.tag)} already`
    )
  }
  kinds.unshift(kind)
  byTag.set(kind.tag, kind)
}

/** deeper is taken for a cycle */
const deepest = 500

const isPlain = (value: object): value is Record<string, unknown> => {
  const prototype = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

const eachValue = (record: Record<string, unknown>, f: (value: unknown) => unknown): Record<string, unknown> =>
  Object.fromEntries(Object.entries(record).map(([key, value]) => [key, f(value)]))

/** Plain data; throws where something in it is none and of no kind. */
export const toPlain = (value: unknown, depth = 0): unknown => {
  if (depth > deepest) throw new TypeError("it is deeper than it may be, or has no end")
  const inner = (value: unknown) => toPlain(value, depth + 1)
  if (typeof value === "function" || typeof value === "symbol") throw new TypeError(`a ${typeof value} is no data`)
  if (typeof value !== "object" || value === null || value instanceof Uint8Array || value instanceof Date) return value
  if (Array.isArray(value)) return value.map(inner)
  const kind = kinds.find(({ is }) => is(value))
  if (kind !== undefined) return { "~": kind.tag, is: inner(kind.to(value)) }
  if (!isPlain(value)) throw new TypeError(`${value.constructor?.name ?? "an object"} is not registered`)
  const plain = eachValue(value, inner)
  return Object.hasOwn(value, "~") ? { "~": "", is: plain } : plain
}

/** The values again; throws for what nobody has registered here. */
export const fromPlain = (value: unknown): unknown => {
  if (typeof value !== "object" || value === null || value instanceof Uint8Array || value instanceof Date) return value
  if (Array.isArray(value)) return value.map(fromPlain)
  const { "~": tag, is } = value as Record<string, unknown>
  if (tag === undefined) return eachValue(value as Record<string, unknown>, fromPlain)
  if (tag === "") return eachValue(is as Record<string, unknown>, fromPlain)
  const kind = byTag.get(tag as string)
  if (kind === undefined) throw new TypeError(`nobody has registered ${JSON.stringify(tag)} here`)
  return kind.from(fromPlain(is))
}
