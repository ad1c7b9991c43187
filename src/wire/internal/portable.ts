/**
 * Schemas whose encoded side holds what msgpack does not, such as `Schema.Option`, `Schema.ReadonlyMap`, `Schema.URL`.
 *
 * Their declarations say themselves what stands for them where only plain data can go (`toCodec`, `toCodecJson`). What
 * msgpack does hold is left alone, so bytes within an Option are still bytes.
 */
import * as Schema from "effect/Schema"
import * as SchemaAST from "effect/SchemaAST"
import { reaches, representationOf } from "./ast.ts"

/** The same Schema, with nothing on its encoded side that could be plain data and is not; itself if that is so already. */
export const portable = (schema: Schema.Top): Schema.Top => {
  const encoded = SchemaAST.toEncoded(schema.ast)
  if (!reaches(encoded, (ast) => ast._tag === "Declaration" && substituteOf(ast) !== undefined)) return schema
  return Schema.make<Schema.Top>(substituted(encoded)).pipe(Schema.decodeTo(schema))
}

/** what msgpack holds as it is */
const isNative = (ast: SchemaAST.Declaration): boolean => {
  const id = representationOf(ast.annotations)?.id
  return id === "effect/schema/Uint8Array" || id === "effect/schema/Date"
}

type Substitute = (typeParameters: ReadonlyArray<Schema.Top>) => SchemaAST.Link | undefined

const substituteOf = (ast: SchemaAST.Declaration): SchemaAST.Link | undefined => {
  if (isNative(ast)) return undefined
  const substitute = ast.annotations?.toCodecJson ?? ast.annotations?.toCodec
  if (typeof substitute !== "function") return undefined
  return (substitute as Substitute)(ast.typeParameters.map((parameter) => Schema.make(parameter)))
}

/** An encoded side has no encodings of its own, so its nodes can be made anew from what they consist of. */
const substituted = (root: SchemaAST.AST): SchemaAST.AST => {
  const known = new Map<SchemaAST.AST, SchemaAST.AST>()
  const visit = (ast: SchemaAST.AST): SchemaAST.AST => {
    const made = known.get(ast) ?? make(ast)
    known.set(ast, made)
    return made
  }
  const make = (ast: SchemaAST.AST): SchemaAST.AST => {
    const { annotations, checks, context } = ast
    switch (ast._tag) {
      case "Declaration": {
        const link = substituteOf(ast)
        return link === undefined
          ? ast
          : withSubstitute(ast, new SchemaAST.Link(target(link.to), link.transformation))
      }
      case "Arrays":
        return new SchemaAST.Arrays(
          ast.isMutable,
          ast.elements.map(visit),
          ast.rest.map(visit),
          annotations,
          checks,
          undefined,
          context
        )
      case "Objects":
        return new SchemaAST.Objects(
          ast.propertySignatures.map(({ name, type }) => new SchemaAST.PropertySignature(name, visit(type))),
          ast.indexSignatures.map(({ parameter, type }) => new SchemaAST.IndexSignature(parameter, visit(type))),
          annotations,
          checks,
          undefined,
          context
        )
      case "Union":
        return new SchemaAST.Union(ast.types.map(visit), ast.options, annotations, checks, undefined, context)
      case "Suspend":
        return new SchemaAST.Suspend(() => visit(ast.thunk()), annotations, undefined, undefined, context)
      default:
        return ast
    }
  }
  // what stands for a declaration may contain others, and be a Schema with two sides
  const target = (ast: SchemaAST.AST): SchemaAST.AST =>
    reaches(ast, (ast) => ast.encoding !== undefined)
      ? Schema.make<Schema.Top>(visit(SchemaAST.toEncoded(ast))).pipe(Schema.decodeTo(Schema.make<Schema.Top>(ast))).ast
      : visit(ast)
  return visit(root)
}

const withSubstitute = (ast: SchemaAST.Declaration, link: SchemaAST.Link): SchemaAST.AST => {
  const { annotations, checks, context, encodingChecks, encodingRun, run, typeParameters } = ast
  const make = (context: SchemaAST.Context | undefined) =>
    new SchemaAST.Declaration(typeParameters, run, annotations, checks, [link], context, encodingChecks, encodingRun)
  // an optional key is optional on both sides, which `optionalKey` sees to
  return context?.isOptional === true ? Schema.optionalKey(Schema.make(make(undefined))).ast : make(context)
}
