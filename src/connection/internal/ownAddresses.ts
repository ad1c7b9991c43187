/** Where this process listens itself. */
import * as Address from "../Address.ts"

const counts = new Map<string, number>()

/** The host is no part of it: a port is reached by many names. */
const keyOf = (address: Address.Address): string =>
  address._tag === "Tcp" ? `port ${address.port}` : Address.format(address)

export const add = (address: Address.Address): void => {
  const key = keyOf(address)
  counts.set(key, (counts.get(key) ?? 0) + 1)
}

export const remove = (address: Address.Address): void => {
  const key = keyOf(address)
  const count = counts.get(key)! - 1
  if (count === 0) counts.delete(key)
  else counts.set(key, count)
}

export const has = (address: Address.Address): boolean => Address.isLocal(address) && counts.has(keyOf(address))
