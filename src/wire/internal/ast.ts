/** What several readers of Schemas need to know about their nodes. */
import type * as Schema from "effect/Schema"
import type * as SchemaAST from "effect/SchemaAST"

/** The lasting identity that a declaration or a check may carry in its annotations. */
export const representationOf = (annotations: Schema.Annotations.Annotations | undefined) => {
  const representation = annotations?.representation
  if (typeof representation !== "object" || representation === null) return undefined
  if (!("id" in representation) || typeof representation.id !== "string") return undefined
  return { id: representation.id, payload: "payload" in representation ? representation.payload : null }
}

/** What a node consists of, on the side that it is on: its encoding is not followed. */
export const childrenOf = (ast: SchemaAST.AST): ReadonlyArray<SchemaAST.AST> => {
  switch (ast._tag) {
    case "Declaration":
      return ast.typeParameters
    case "Arrays":
      return [...ast.elements, ...ast.rest]
    case "Objects":
      return [
        ...ast.propertySignatures.map(({ type }) => type),
        ...ast.indexSignatures.flatMap(({ parameter, type }) => [parameter, type])
      ]
    case "Union":
      return ast.types
    case "TemplateLiteral":
      return ast.parts
    case "Suspend":
      return [ast.thunk()]
    default:
      return []
  }
}

/** a Schema may make new nodes for ever */
const mostNodes = 10_000

/** Whether a node that satisfies the predicate can be reached. */
export const reaches = (root: SchemaAST.AST, predicate: (ast: SchemaAST.AST) => boolean): boolean => {
  const seen = new Set([root])
  // what is added while going through a Set is gone through too
  for (const ast of seen) {
    if (predicate(ast)) return true
    if (seen.size < mostNodes) { for (const child of childrenOf(ast)) seen.add(child) }
  }
  return false
}
