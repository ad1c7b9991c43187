/** Values as CPython's xmlrpc.client writes and reads them, as far as its managers need it. */

export type Value = null | boolean | number | string | ReadonlyArray<Value> | { readonly [name: string]: Value }

const escape = (text: string): string => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;")

const unescape = (text: string): string => text.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&")

const write = (value: Value): string => {
  const inner = (): string => {
    if (value === null) return "<nil/>"
    if (typeof value === "boolean") return `<boolean>${value ? 1 : 0}</boolean>`
    if (typeof value === "number") return Number.isInteger(value) ? `<int>${value}</int>` : `<double>${value}</double>`
    if (typeof value === "string") return `<string>${escape(value)}</string>`
    if (Array.isArray(value)) return `<array><data>${value.map(write).join("")}</data></array>`
    const members = Object.entries(value as { readonly [name: string]: Value })
    return `<struct>${
      members.map(([name, one]) => `<member><name>${escape(name)}</name>${write(one)}</member>`).join("")
    }</struct>`
  }
  return `<value>${inner()}</value>`
}

/** The bytes of a message. */
export const encode = (value: Value): Buffer => Buffer.from(`<params><param>${write(value)}</param></params>`)

/** The value of a message. */
export const decode = (bytes: Uint8Array): Value => {
  const tokens = [...Buffer.from(bytes).toString().matchAll(/<[^>]*>|[^<]+/g)]
    .map(([token]) => token)
    .filter((token) => token.trim() !== "")
  let at = 0
  const expect = (token: string): void => {
    if (tokens[at++] !== token) throw new Error(`${tokens[at - 1]} where ${token} was expected in ${tokens.join("")}`)
  }
  const text = (): string => tokens[at]!.startsWith("</") ? "" : unescape(tokens[at++]!)
  const value = (): Value => {
    expect("<value>")
    const opening = tokens[at++]!
    const read = (): Value => {
      switch (opening) {
        case "<nil/>":
          return null
        case "<boolean>":
          return text() === "1"
        case "<int>":
        case "<double>":
          return Number(text())
        case "<string>":
          return text()
        case "<array>": {
          const items: Array<Value> = []
          expect("<data>")
          while (tokens[at] !== "</data>") items.push(value())
          at++
          return items
        }
        case "<struct>": {
          const members: Record<string, Value> = {}
          while (tokens[at] !== "</struct>") {
            expect("<member>")
            expect("<name>")
            const name = text()
            expect("</name>")
            members[name] = value()
            expect("</member>")
          }
          return members
        }
        default:
          throw new Error(`${opening} in ${tokens.join("")}`)
      }
    }
    const one = read()
    if (opening !== "<nil/>") expect(opening.replace("<", "</"))
    expect("</value>")
    return one
  }
  expect("<params>")
  expect("<param>")
  return value()
}
