/**
 * A short name for the contract that a Schema is, equal wherever and whenever it is computed.
 *
 * Both sides of the Schema count, the encoded one (the bytes) and the decoded one (what they mean): names, types,
 * optionality, literals, and checks and declarations that carry a representation. Annotations do not count, nor does the
 * order of fields, nor whether two equal parts are one object or two. Hence the Schema is taken as a graph, its nodes
 * are merged until no two behave alike, and what is left is written down from the root.
 */
import * as SchemaAST from "effect/SchemaAST"
import { childrenOf, representationOf } from "./ast.ts"

export const fingerprint = (ast: SchemaAST.AST): string => {
  const known = fingerprints.get(ast) ?? compute(ast)
  fingerprints.set(ast, known)
  return known
}

/** many methods share `Schema.Void`, `Schema.Never` or an error */
const fingerprints = new WeakMap<SchemaAST.AST, string>()

const compute = (ast: SchemaAST.AST): string => digest(canonical([SchemaAST.toEncoded(ast), SchemaAST.toType(ast)]))

/**
 * 96 bits, each of which depends on the whole text. Contracts differ by accident, not by malice, so it need not be
 * `node:crypto`, which would be 5 ms of every child's start.
 */
const digest = (text: string): string => {
  const lanes: [number, number, number] = [0x243f6a88, 0x13198a2e, 0x082efa98]
  for (let i = 0; i < text.length; i++) mix(lanes, text.charCodeAt(i))
  // What the last characters did must reach every bit, too.
  for (let i = 0; i < 8; i++) mix(lanes, text.length)
  const bytes = Buffer.alloc(12)
  for (const [i, lane] of lanes.entries()) bytes.writeInt32BE(lane | 0, 4 * i)
  return bytes.toString("base64url")
}

/** Multiplication carries a change upwards, rotation brings it down, and each lane hands it on to the next. */
const mix = (lanes: [number, number, number], value: number): void => {
  let carried = lanes[2]
  for (const i of [0, 1, 2] as const) {
    const mixed = Math.imul(lanes[i] ^ carried ^ value, 0x9e3779b1)
    carried = lanes[i] = (mixed << 13) | (mixed >>> 19)
  }
}

interface Node {
  readonly label: string
  readonly children: ReadonlyArray<number>
}

/** a Schema that makes new nodes for ever is cut here */
const mostNodes = 10_000
const mostLevels = 500

/** Each class of nodes on a line, in the order in which they are met from the roots. */
const canonical = (roots: ReadonlyArray<SchemaAST.AST>): string => {
  const nodes = graph(roots)
  const classes = merge(nodes)
  const lines: Array<string> = []
  // from the class to its line
  const met = new Map<number, number>()
  const queue: Array<Node> = []
  const meet = (index: number): number => {
    const known = met.get(classes[index]!)
    if (known !== undefined) return known
    met.set(classes[index]!, queue.length)
    return queue.push(nodes[index]!) - 1
  }
  lines.push(roots.map((_, index) => meet(index)).join())
  for (let next = 0; next < queue.length; next++) {
    const { children, label } = queue[next]!
    lines.push(`${label} ${children.map(meet).join()}`)
  }
  return lines.join("\n")
}

/** All nodes that can be reached; the roots come first. */
const graph = (roots: ReadonlyArray<SchemaAST.AST>): ReadonlyArray<Node> => {
  const nodes: Array<Node> = []
  const found: Array<{ readonly ast: SchemaAST.AST; readonly level: number }> = []
  const indices = new Map<SchemaAST.AST, number>()
  const add = (ast: SchemaAST.AST, level: number): number => {
    indices.set(ast, found.length)
    return found.push({ ast, level }) - 1
  }
  for (const root of roots) add(resolve(root), 0)
  for (let next = 0; next < found.length; next++) {
    const { ast, level } = found[next]!
    const children = level < mostLevels && found.length < mostNodes ? orderedChildrenOf(ast).map(resolve) : []
    nodes.push({ label: labelOf(ast), children: children.map((child) => indices.get(child) ?? add(child, level + 1)) })
  }
  return nodes
}

/** For each node the number of its class: nodes of one class cannot be told apart from outside. */
const merge = (nodes: ReadonlyArray<Node>): ReadonlyArray<number> => {
  let { classes, count } = number(nodes.map(({ label }) => label))
  for (;;) {
    const current = classes
    const finer = number(
      nodes.map(({ children }, i) => [current[i], ...children.map((child) => current[child])].join())
    )
    if (finer.count === count) return classes
    ;({ classes, count } = finer)
  }
}

const number = (keys: ReadonlyArray<string>) => {
  const numbers = new Map<string, number>()
  const classes = keys.map((key) => {
    const known = numbers.get(key) ?? numbers.size
    numbers.set(key, known)
    return known
  })
  return { classes, count: numbers.size }
}

const resolve = (ast: SchemaAST.AST): SchemaAST.AST => {
  let resolved = ast
  // a Suspend that gives nothing but others is no Schema; a few in a row are possible
  for (let i = 0; i < 100 && resolved._tag === "Suspend"; i++) resolved = resolved.thunk()
  return resolved
}

const orderedChildrenOf = (ast: SchemaAST.AST): ReadonlyArray<SchemaAST.AST> => {
  if (ast._tag !== "Objects") return childrenOf(ast)
  const { indexSignatures, propertySignatures } = ast
  return [
    ...sorted(propertySignatures).map(({ type }) => type),
    ...indexSignatures.flatMap(({ parameter, type }) => [parameter, type])
  ]
}

const labelOf = (ast: SchemaAST.AST): string => JSON.stringify([ast._tag, ...detailsOf(ast), ...checksOf(ast.checks)])

const detailsOf = (ast: SchemaAST.AST): ReadonlyArray<unknown> => {
  switch (ast._tag) {
    case "Declaration":
      return [representationOf(ast.annotations)]
    case "Literal":
      return [typeof ast.literal, String(ast.literal)]
    case "UniqueSymbol":
      return [String(ast.symbol)]
    case "Enum":
      return ast.enums.map(([, value]) => value)
    case "Arrays":
      return [ast.elements.map(isOptional), ast.rest.length]
    case "Objects":
      return [sorted(ast.propertySignatures).map(({ name, type }) => [nameOf(name), isOptional(type)])]
    case "Union":
      return [ast.options?.mode ?? "anyOf"]
    default:
      return []
  }
}

const checksOf = (checks: SchemaAST.Checks | undefined): ReadonlyArray<unknown> =>
  (checks ?? []).flatMap((check): ReadonlyArray<unknown> => {
    const representation = representationOf(check.annotations)
    if (representation !== undefined) return [representation]
    return check._tag === "FilterGroup" ? checksOf(check.checks) : []
  })

const isOptional = (ast: SchemaAST.AST): boolean => ast.context?.isOptional === true

const nameOf = (name: PropertyKey): string => typeof name === "symbol" ? String(name) : JSON.stringify(String(name))

const sorted = (properties: ReadonlyArray<SchemaAST.PropertySignature>): ReadonlyArray<SchemaAST.PropertySignature> =>
  properties.toSorted((a, b) => nameOf(a.name) < nameOf(b.name) ? -1 : 1)
