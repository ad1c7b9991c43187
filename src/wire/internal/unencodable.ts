/**
 * What the wire cannot hold, and where it is in a value.
 *
 * The writer throws without knowing the path, so that writing costs nothing for it; `locate` finds the path afterwards.
 */

/** containers within containers, in what is written and in what is read: a bound on the stack, and on cycles */
export const maxDepth = 512

/** A value that cannot be written. It never leaves this folder: the caller turns it into `EncodeFailed`. */
export class Unencodable extends Error {
  override readonly name = "Unencodable"
  readonly detail: string
  readonly path: ReadonlyArray<PropertyKey>
  constructor(detail: string, path: ReadonlyArray<PropertyKey> = []) {
    super(path.length === 0 ? detail : `${detail}\n  at ${formatPath(path)}`)
    this.detail = detail
    this.path = path
  }
}

/** Why the wire cannot hold `value` itself (what it contains is not looked at); `undefined` if it can. */
export const refusal = (value: unknown): string | undefined => {
  switch (typeof value) {
    case "function":
      return "a function cannot be sent"
    case "symbol":
      return `${String(value)} cannot be sent: symbols exist in one process only`
    case "object":
      return value === null ? undefined : refusalOfObject(value)
    default:
      return undefined
  }
}

const refusalOfObject = (value: object): string | undefined => {
  if (Array.isArray(value) || value instanceof Uint8Array || value instanceof Date) return undefined
  if (!isPlain(value)) {
    return `an instance of ${nameOf(value)} cannot be sent as it is: give it a Schema that encodes it`
  }
  return hasSymbolKey(value) ? "an object with symbols as keys cannot be sent" : undefined
}

/** objects that are nothing but their own properties; those of another realm (`node:vm`) too */
export const isPlain = (value: object): boolean => {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || prototype === Object.prototype || Object.getPrototypeOf(prototype) === null
}

export const hasSymbolKey = (value: object): boolean =>
  Object.getOwnPropertySymbols(value).some((symbol) => Object.prototype.propertyIsEnumerable.call(value, symbol))

const nameOf = (value: object): string => {
  const { constructor } = value
  return typeof constructor === "function" && constructor.name !== "" ? constructor.name : "a class without a name"
}

/** The first thing in `value` that cannot be written, with its path. */
export const locate = (value: unknown): Unencodable | undefined => search(value, [])

const search = (value: unknown, path: Array<PropertyKey>): Unencodable | undefined => {
  const detail = refusal(value)
  if (detail !== undefined) return new Unencodable(detail, path.slice())
  if (typeof value !== "object" || value === null || value instanceof Uint8Array || value instanceof Date) {
    return undefined
  }
  if (path.length >= maxDepth) return tooDeep(path)
  for (const [key, item] of Object.entries(value)) {
    path.push(Array.isArray(value) ? Number(key) : key)
    const found = search(item, path)
    if (found !== undefined) return found
    path.pop()
  }
  return undefined
}

export const tooDeep = (path: ReadonlyArray<PropertyKey> = []): Unencodable =>
  new Unencodable(`more than ${maxDepth} levels of nesting, or a cycle, cannot be sent`, path.slice(0, 8))

const formatPath = (path: ReadonlyArray<PropertyKey>): string => path.map((key) => `[${JSON.stringify(key)}]`).join("")
