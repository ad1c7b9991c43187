/** Values as a log line can hold them: data where they are like JSON, else as `util.inspect` shows them. */
import * as Inspectable from "effect/Inspectable"

/** Loaded when it is needed: it would be 2 ms of every child's start. */
const util = () => process.getBuiltinModule("node:util")

export const hidden = "(cannot be shown)"

/** How many characters may still be said; whatever is said takes from it. */
export class Room {
  private left: number

  constructor(characters: number) {
    this.left = characters
  }

  isFull(): boolean {
    return this.left <= 0
  }

  take(characters: number): void {
    this.left -= characters
  }

  cut(text: string): string {
    const limit = Math.max(0, this.left)
    this.left -= text.length + 1
    return text.length <= limit ? text : `${text.slice(0, limit)}… (cut from ${text.length} characters)`
  }
}

/** what is nested deeper is left out */
const deepest = 32

/** characters that anything but a text takes, however small it is: JSON needs no more than six times as many for it */
const least = 4

/** It may be a cycle, a getter that throws, a megabyte; the `toJSON` of Effect's data is heard, and what it redacts. */
export const of = (value: unknown, room: Room): unknown => {
  if (typeof value === "string") return room.cut(value)
  try {
    return visit(value, room, [])
  } catch {
    return shown(value, room)
  }
}

export const ofArray = (values: ReadonlyArray<unknown>, room: Room): ReadonlyArray<unknown> =>
  itemsOf(values, room, (value) => of(value, room))

export const ofRecord = (record: Readonly<Record<string, unknown>>, room: Room): Record<string, unknown> => {
  try {
    return entriesOf(record, room, (value) => of(value, room))
  } catch {
    return {}
  }
}

const visit = (value: unknown, room: Room, within: ReadonlyArray<unknown>): unknown => {
  if (typeof value === "string") return room.cut(value)
  room.take(least)
  if (typeof value === "boolean" || value === null) return value
  if (typeof value === "number") return Number.isFinite(value) ? value : String(value)
  if (typeof value !== "object" || value instanceof Error || ArrayBuffer.isView(value)) return shown(value, room)
  const data = Array.isArray(value) ? value : Inspectable.toJson(value)
  if (typeof data !== "object" || data === null) return visit(data, room, within)
  if (within.includes(data)) return room.cut("[Circular]")
  if (within.length >= deepest) return room.cut("[…]")
  const path = [...within, data]
  const inner = (value: unknown) => visit(value, room, path)
  if (Array.isArray(data)) return itemsOf(data, room, inner)
  const prototype: unknown = Object.getPrototypeOf(data)
  return prototype === null || prototype === Object.prototype
    ? entriesOf(data as Record<string, unknown>, room, inner)
    : shown(data, room)
}

const itemsOf = (
  values: ReadonlyArray<unknown>,
  room: Room,
  portrait: (value: unknown) => unknown
): ReadonlyArray<unknown> => {
  const items: Array<unknown> = []
  for (const value of values) {
    if (room.isFull()) {
      items.push(`… (cut from ${values.length} elements)`)
      break
    }
    items.push(portrait(value))
  }
  return items
}

/** Made of entries, so that a field called `__proto__` is one. */
const entriesOf = (
  record: Readonly<Record<string, unknown>>,
  room: Room,
  portrait: (value: unknown) => unknown
): Record<string, unknown> => {
  const keys = Object.keys(record)
  const entries: Array<[string, unknown]> = []
  for (const key of keys) {
    if (room.isFull()) {
      entries.push(["…", `(cut from ${keys.length} fields)`])
      break
    }
    entries.push([room.cut(key), portrait(record[key])])
  }
  return Object.fromEntries(entries)
}

/** Redacted values stay so, getters are not run. */
const shown = (value: unknown, room: Room): string => {
  try {
    return room.cut(util().inspect(value, { maxStringLength: 16 << 10 }))
  } catch {
    return room.cut(hidden)
  }
}
