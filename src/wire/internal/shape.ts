/**
 * What the encoded side of a Schema looks like to the wire, with everything left out that does not matter there.
 *
 * Containers are nodes of a graph, one for each node of the AST, so that shared and recursive Schemas stay finite.
 * `Any` stands for whatever is better left to the generic writer and reader: both are always right, just slower.
 */
import type * as SchemaAST from "effect/SchemaAST"
import { representationOf } from "./ast.ts"

export type Leaf =
  | { readonly _tag: "Any" | "Number" | "String" | "Boolean" | "Bytes" }
  | { readonly _tag: "Constant"; readonly value: string | boolean | null | undefined }

export interface Reference {
  readonly _tag: "Node"
  readonly index: number
}

export type Shape = Leaf | Reference

export interface Field {
  readonly name: string
  readonly optional: boolean
  readonly shape: Shape
}

export interface Struct {
  readonly _tag: "Struct"
  readonly fields: ReadonlyArray<Field>
}

export interface Union {
  readonly _tag: "Union"
  readonly array: Reference | undefined
  /** one kind of object, or several whose first field `key` tells them apart */
  readonly object: Reference | Tagged | undefined
}

export interface Tagged {
  readonly _tag: "Tagged"
  readonly key: string
  readonly cases: ReadonlyArray<readonly [tag: string, struct: Reference]>
}

export type Node =
  /** `elements` one after another, then `rest` as often as it takes */
  | { readonly _tag: "Array"; readonly elements: ReadonlyArray<Shape>; readonly rest: Shape }
  | { readonly _tag: "Record"; readonly value: Shape }
  | { readonly _tag: "Any" }
  | Struct
  | Union

export interface Plan {
  readonly root: Shape
  readonly nodes: ReadonlyArray<Node>
}

const any = { _tag: "Any" } as const

/** a Schema that makes new nodes for ever, or is very large, is better off with the generic codec */
const maxNodes = 1000

type Draft = Node | { readonly _tag: "Members"; readonly members: ReadonlyArray<Shape> }

export const plan = (ast: SchemaAST.AST): Plan => {
  const drafts: Array<Draft> = []
  const seen = new Map<SchemaAST.AST, Shape>()

  const node = (ast: SchemaAST.AST, make: () => Draft): Shape => {
    if (drafts.length >= maxNodes) return any
    const shape: Reference = { _tag: "Node", index: drafts.length }
    // both known before it is made, for what contains itself
    seen.set(ast, shape)
    drafts.push(any)
    drafts[shape.index] = make()
    return shape
  }

  const shapeOf = (ast: SchemaAST.AST): Shape => {
    const known = seen.get(ast)
    if (known !== undefined) return known
    switch (ast._tag) {
      case "Number":
      case "String":
      case "Boolean":
        return { _tag: ast._tag }
      case "TemplateLiteral":
        return { _tag: "String" }
      case "Null":
        return { _tag: "Constant", value: null }
      case "Undefined":
      case "Void":
        return { _tag: "Constant", value: undefined }
      case "Literal":
        if (typeof ast.literal === "bigint") return any
        // -0 passes as the literal 0, so a number is written as it comes
        if (typeof ast.literal === "number") return { _tag: "Number" }
        return isLong(ast.literal) ? { _tag: "String" } : { _tag: "Constant", value: ast.literal }
      case "Enum":
        return common(ast.enums.map(([, value]): Leaf => ({ _tag: typeof value === "string" ? "String" : "Number" })))
      case "Declaration":
        return isBytes(ast) ? { _tag: "Bytes" } : any
      case "Suspend":
        return shapeOf(ast.thunk())
      case "Arrays":
        return node(ast, () => ({
          _tag: "Array",
          elements: ast.elements.map(shapeOf),
          // elements behind the variadic ones are too rare to be worth it
          rest: ast.rest.length === 1 ? shapeOf(ast.rest[0]!) : any
        }))
      case "Objects":
        return ast.indexSignatures.length === 0 ? struct(ast) : record(ast)
      case "Union":
        return node(ast, () => ({ _tag: "Members", members: ast.types.map(shapeOf) }))
      default:
        return any
    }
  }

  const struct = (ast: SchemaAST.Objects): Shape => {
    const { propertySignatures } = ast
    // without properties it means anything but null and undefined; what is not a plain name is for the generic writer
    if (propertySignatures.length === 0 || !propertySignatures.every(({ name }) => isPlainName(name))) return any
    return node(ast, () => {
      const fields = propertySignatures.map(({ name, type }): Field => ({
        name: String(name),
        optional: type.context?.isOptional === true,
        shape: shapeOf(type)
      }))
      // what tells the members of a union apart comes first, so that a reader knows at once what to expect
      return { _tag: "Struct", fields: [...fields.filter(isTag), ...fields.filter((field) => !isTag(field))] }
    })
  }

  const record = (ast: SchemaAST.Objects): Shape => {
    const [signature, ...others] = ast.indexSignatures
    if (signature === undefined || others.length > 0 || ast.propertySignatures.length > 0) return any
    const { parameter, type } = signature
    if (parameter._tag === "Symbol" || parameter._tag === "Union") return any
    return node(ast, () => ({ _tag: "Record", value: shapeOf(type) }))
  }

  const root = shapeOf(ast)
  // only now are the members of every union known
  const nodes = drafts.map((draft) => draft._tag === "Members" ? union(draft.members, drafts) : draft)
  return { root, nodes }
}

const union = (members: ReadonlyArray<Shape>, drafts: ReadonlyArray<Draft>): Node => {
  const containers = members.filter((member) => member._tag === "Node")
  const ofTag = (tag: Draft["_tag"]) => containers.filter(({ index }) => drafts[index]!._tag === tag)
  const arrays = ofTag("Array")
  const structs = ofTag("Struct")
  const objects = [...structs, ...ofTag("Record")]
  // a member that may be anything may be any of these too
  if (members.some((member) => member._tag === "Any")) return any
  if (arrays.length + objects.length < containers.length || arrays.length > 1) return any
  if (objects.length < 2) return { _tag: "Union", array: arrays[0], object: objects[0] }
  const object = objects.length === structs.length ? tagged(structs, drafts) : undefined
  return object === undefined ? any : { _tag: "Union", array: arrays[0], object }
}

const tagged = (structs: ReadonlyArray<Reference>, drafts: ReadonlyArray<Draft>): Tagged | undefined => {
  let key: string | undefined
  const cases = new Map<string, Reference>()
  for (const struct of structs) {
    const field = (drafts[struct.index] as Struct).fields[0]!
    if (!isTag(field) || (key ??= field.name) !== field.name || cases.has(field.shape.value)) return undefined
    cases.set(field.shape.value, struct)
  }
  return key === undefined ? undefined : { _tag: "Tagged", key, cases: [...cases] }
}

const isBytes = (ast: SchemaAST.Declaration): boolean =>
  representationOf(ast.annotations)?.id === "effect/schema/Uint8Array"

const isPlainName = (name: PropertyKey): boolean =>
  typeof name !== "symbol" && name !== "__proto__" && !isLong(String(name))

/** what would make the generated code long, as its bytes are part of it */
const isLong = (text: string | boolean): boolean => typeof text === "string" && text.length > 128

const isTag = (
  field: Field
): field is Field & { readonly shape: { readonly _tag: "Constant"; readonly value: string } } =>
  !field.optional && field.shape._tag === "Constant" && typeof field.shape.value === "string"

/** the shape that all of these have */
const common = (leaves: ReadonlyArray<Leaf>): Leaf => {
  const [first, ...others] = leaves
  return first !== undefined && others.every((leaf) => leaf._tag === first._tag) ? first : any
}
