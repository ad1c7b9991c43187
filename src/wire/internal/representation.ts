import type * as Schema from "effect/Schema"

/** The lasting identity that a declaration or a check may carry in its annotations. */
export const representationOf = (annotations: Schema.Annotations.Annotations | undefined) => {
  const representation = annotations?.representation
  if (typeof representation !== "object" || representation === null) return undefined
  if (!("id" in representation) || typeof representation.id !== "string") return undefined
  return { id: representation.id, payload: "payload" in representation ? representation.payload : null }
}
