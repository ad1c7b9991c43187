/** What declarations and their methods may be called; the compiler and a declaration's evaluation agree on it. */

/** Names that would make a proxy thenable or an Effect, or mean something to every object. */
const reserved = [
  "",
  "__proto__",
  "asEffect",
  "constructor",
  "hasOwnProperty",
  "isPrototypeOf",
  "pipe",
  "propertyIsEnumerable",
  "then",
  "toJSON",
  "toLocaleString",
  "toString",
  "valueOf"
] as const

/** Private names begin with `_`; a `/` separates a service's id from its method's name. */
export type Reserved = typeof reserved[number] | `_${string}` | `${string}/${string}`

const isReserved = (name: string): boolean =>
  name.startsWith("_") || name.includes("/") || (reserved as ReadonlyArray<string>).includes(name)

/** Ids are keys of a Context, where this library has names of its own. */
export const ownPrefix = "effect-multiprocessing/Remote/"

/** Names the declarations of proxies among others in a Schema. */
export const objectPrefix = `${ownPrefix}Object/`

/** The same for what a receiver has a copy of, which ends with its Scope: also where nothing travels. */
export const copiedPrefix = `${ownPrefix}Copied/`

const idPattern = /^[^\s\p{Cc}\p{Cf}\p{Cs}]{1,256}$/u

export const checkId = (constructor: string, id: string): void => {
  if (typeof id !== "string" || !idPattern.test(id)) {
    throw new TypeError(
      `${constructor}: ${JSON.stringify(id)} is not an id: 1 to 256 visible characters, none of them white space`
    )
  }
  if (id.startsWith(ownPrefix)) throw new TypeError(`${constructor}: ids do not begin with "${ownPrefix}": "${id}"`)
}

export const checkMethod = (constructor: string, id: string, name: string): void => {
  if (isReserved(name)) throw new TypeError(`${constructor}("${id}"): ${JSON.stringify(name)} is a reserved name`)
}
