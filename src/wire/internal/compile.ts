/** The wire side of a Schema as straight-line code: plain msgpack maps, written and read without looking at the Schema. */
import type * as SchemaAST from "effect/SchemaAST"
import { emitReader } from "./emitReader.ts"
import { emitWriter, type Encode } from "./emitWriter.ts"
import { arrayOf, assign, type Reader } from "./reader.ts"
import { plan } from "./shape.ts"
import { tooDeep } from "./unencodable.ts"
import { Writer } from "./writer.ts"

export interface WireCodec {
  readonly write: (writer: Writer, value: unknown, depth: number) => void
  readonly read: (reader: Reader, depth: number) => unknown
}

/** For any value, and what all others agree with. */
export const generic: WireCodec = {
  write: (writer, value, depth) => writer.any(value, depth),
  read: (reader, depth) => reader.any(depth)
}

/** `encoded`: the AST of the encoded side. The result agrees with `generic` on every value of it and on any bytes. */
export const compile = (encoded: SchemaAST.AST): WireCodec => {
  if (!canGenerate()) return generic
  const shapes = plan(encoded)
  if (shapes.nodes.length === 0 && shapes.root._tag === "Any") return generic
  const source = `"use strict";${emitWriter(shapes, encode)}\n${emitReader(shapes, encode)}\nreturn{write,read}`
  // oxlint-disable-next-line no-implied-eval -- the source holds names of the Schema only as quoted strings
  return new Function("tooDeep", "hasOwn", "arrayOf", "assign", source)(tooDeep, Object.hasOwn, arrayOf, assign)
}

const encode: Encode = (constant) => {
  const writer = new Writer(1024)
  writer.any(constant)
  return Buffer.concat(writer.take())
}

let generates: boolean | undefined

/** false under `--disallow-code-generation-from-strings` */
const canGenerate = (): boolean => {
  if (generates === undefined) {
    try {
      // oxlint-disable-next-line no-implied-eval, no-new -- only whether it is allowed
      new Function("")
      generates = true
    } catch {
      generates = false
    }
  }
  return generates
}
