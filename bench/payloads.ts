/** What is sent, and how an answer is known to be right: nobody wins by being wrong. */
export interface Payload<A> {
  readonly name: string
  readonly make: (n: number) => A
  readonly isAnswer: (answer: unknown, n: number) => boolean
}

export interface Tiny {
  readonly n: number
}

export const tiny: Payload<Tiny> = {
  name: "tiny",
  make: (n) => ({ n }),
  isAnswer: (answer, n) => (answer as Partial<Tiny>).n === n
}

export interface Person {
  readonly id: number
  readonly name: string
  readonly email: string
  readonly tags: ReadonlyArray<string>
  readonly position: { readonly x: number; readonly y: number }
  readonly active: boolean
}

export const person: Payload<Person> = {
  name: "person",
  make: (n) => ({
    id: n,
    name: "Ada Lovelace",
    email: "ada@example.org",
    tags: ["a", "b", "c"],
    position: { x: 1.5, y: 2.5 },
    active: true
  }),
  isAnswer: (answer, n) => {
    const { active, email, id, name, position, tags } = answer as Partial<Person>
    return id === n && name === "Ada Lovelace" && email === "ada@example.org" && active === true &&
      position?.x === 1.5 && position.y === 2.5 && tags?.length === 3 && tags[2] === "c"
  }
}

const pageSize = 4096

/** What a page is full of. */
const byteAt = (index: number): number => Math.floor(index / pageSize) * 31 & 255

const made = new Map<number, Uint8Array>()

/** The same bytes for all who send so many: they are never sent at the same time. */
const dataOf = (size: number): Uint8Array => {
  const known = made.get(size)
  if (known !== undefined) return known
  const data = new Uint8Array(size)
  for (let i = 0; i < size; i += pageSize) data.fill(byteAt(i), i, i + pageSize)
  made.set(size, data)
  return data
}

/** Whether each page but the first begins as it should. */
const arePages = (bytes: Uint8Array, size: number): boolean => {
  if (bytes.length !== size) return false
  for (let i = pageSize; i < size; i += pageSize) if (bytes[i] !== byteAt(i)) return false
  return true
}

/** Bytes whose every page is looked at. */
export const bytes = (size: number): Payload<Uint8Array> => {
  const data = dataOf(size)
  return {
    name: "bytes",
    make: (n) => {
      data[0] = n
      return data
    },
    isAnswer: (answer, n) => answer instanceof Uint8Array && answer[0] === (n & 255) && arePages(answer, size)
  }
}

/** The same, of which only the number comes back. */
export const seen = (size: number): Payload<Uint8Array> => ({
  ...bytes(size),
  isAnswer: (answer, n) => answer === (n & 255)
})

/** Looks at every page of what `seen` sends; the answer to it. */
export const see = (bytes: Uint8Array, size: number): number | undefined => arePages(bytes, size) ? bytes[0] : undefined
