/**
 * JavaScript that reads values of a probable shape.
 *
 * Whatever the bytes are, it gives what `Reader.any` gives: where something else comes than was expected, the generic
 * reader goes on from there. No byte is read twice, so that nobody can make reading slow by nearly matching.
 */
import type { Encode } from "./emitWriter.ts"
import type { Field, Node, Plan, Reference, Shape, Tagged, Union } from "./shape.ts"
import { maxDepth } from "./unencodable.ts"

/**
 * Functions `r0`, `r1`, ... of (reader, depth), one for each node, and `read`. They use what the caller must bring into
 * scope: `arrayOf` and `assign`.
 */
export const emitReader = ({ nodes, root }: Plan, encode: Encode): string => {
  const functions = nodes.map((node, i) => `function r${i}(r,d){${body(node, encode)}}`)
  return `${functions.join("\n")}\nfunction read(r,d){return ${value(root, "d")}}`
}

const value = (shape: Shape, depth: string): string => {
  switch (shape._tag) {
    case "Number":
      return `r.numberOrAny(${depth})`
    case "String":
      return `r.stringOrAny(${depth})`
    case "Bytes":
      return `r.bytesOrAny(${depth})`
    case "Node":
      return `r${shape.index}(r,${depth})`
    default:
      return `r.any(${depth})`
  }
}

const body = (node: Node, encode: Encode): string => {
  switch (node._tag) {
    case "Any":
      return "return r.any(d)"
    case "Array":
      return array(node.elements, node.rest)
    case "Record":
      return `const n=r.tryMap();if(n<0)return r.any(d);r.enter(d);const o={};` +
        `for(let i=0;i<n;i++){const k=r.key();assign(o,k,${value(node.value, "d+1")})}return o`
    case "Struct":
      return struct(node.fields, encode)
    case "Union":
      return union(node, encode)
  }
}

const array = (elements: ReadonlyArray<Shape>, rest: Shape): string => {
  const code = elements.map((element) => `if(i<n){a[i]=${value(element, "d+1")};i++}`)
  return `const n=r.tryArray();if(n<0)return r.any(d);r.enter(d);const a=arrayOf(n);let i=0;${code.join("")}` +
    `for(;i<n;i++)a[i]=${value(rest, "d+1")};return a`
}

/**
 * Fields are read into variables in the order in which they are written. At the first key that is not the expected one,
 * those that were read become an object, and the generic reader adds the `left` others.
 */
const struct = (fields: ReadonlyArray<Field>, encode: Encode): string =>
  `if(d>=${maxDepth})return r.any(d);const b=r.buffer,v=r.view,e=r.end;let p,left;` +
  `let ${fields.map((_, i) => `f${i}`).join(",")};` +
  (fields.some((field) => field.optional) ? someOptional(fields, encode) : allRequired(fields, encode)) +
  "return r.entries(o,left,d)"

/** The number of entries is part of what is expected before the first key; `at` counts the fields that were read. */
const allRequired = (fields: ReadonlyArray<Field>, encode: Encode): string => {
  const steps = fields.map((field, i) => {
    const expected = Buffer.concat([...(i === 0 ? [mapHeader(fields.length)] : []), bytesOf(field, encode)])
    return `p=r.position;if(!${at("p", expected)})break m;${take(field, i, expected.length)}at=${i + 1};`
  })
  return `let at=0;m:{${steps.join("")}return ${object(fields)}}` +
    `if(at>0)left=${fields.length}-at;else{left=r.tryMap();if(left<0)return r.any(d)}const o={};` +
    fields.map((field, i) => `if(at>${i})${set(field, i)}`).join("")
}

/** `h` is whether a field was read, required or not. */
const someOptional = (fields: ReadonlyArray<Field>, encode: Encode): string => {
  const steps = fields.map((field, i) => {
    const expected = bytesOf(field, encode)
    const code = `p=r.position;if(left>0&&${at("p", expected)}){${take(field, i, expected.length)}left--;h${i}=true}`
    return field.optional ? code : `${code}else break m;`
  })
  const optional = fields.map((field, i) => field.optional ? `if(h${i})${set(field, i)}` : "")
  return `left=r.tryMap();if(left<0)return r.any(d);let ${fields.map((_, i) => `h${i}=false`).join(",")};` +
    `m:{${steps.join("")}if(left===0){const o=${object(fields)};${optional.join("")}return o}}const o={};` +
    fields.map((field, i) => `if(h${i})${set(field, i)}`).join("")
}

const mapHeader = (entries: number): Buffer =>
  Buffer.from(entries < 16 ? [0x80 | entries] : [0xde, entries >> 8, entries & 0xff])

/** a key, and its value if that is always the same */
const bytesOf = ({ name, shape }: Field, encode: Encode): Buffer =>
  Buffer.concat([encode(name), ...(shape._tag === "Constant" ? [encode(shape.value)] : [])])

const take = ({ shape }: Field, i: number, bytes: number): string =>
  `r.position=p+${bytes};f${i}=${shape._tag === "Constant" ? quote(shape.value) : value(shape, "d+1")};`

const set = ({ name }: Field, i: number): string => `o[${quote(name)}]=f${i};`

const object = (fields: ReadonlyArray<Field>): string =>
  `{${fields.flatMap((field, i) => field.optional ? [] : [`${quote(field.name)}:f${i}`]).join(",")}}`

const union = ({ array, object }: Union, encode: Encode): string => {
  const code = ["const p=r.position;if(p<r.end){const b=r.buffer,v=r.view,e=r.end,t=b[p];"]
  if (array !== undefined) code.push(`if((t&0xf0)===0x90||t===0xdc||t===0xdd)${call(array)}`)
  if (object !== undefined) {
    code.push("if((t&0xf0)===0x80||t===0xde||t===0xdf){")
    code.push(object._tag === "Node" ? call(object) : cases(object, encode), "}")
  }
  code.push("}return r.any(d)")
  return code.join("")
}

/** behind a map's header, the first key and its value tell which struct it is */
const cases = ({ cases, key }: Tagged, encode: Encode): string => {
  const tests = cases.map(([tag, struct]) => {
    const bytes = Buffer.concat([encode(key), encode(tag)])
    return `if(${at("q", bytes)})${call(struct)}`
  })
  return `const q=p+(t<0x90?1:t===0xde?3:5);${tests.join("")}`
}

const call = ({ index }: Reference): string => `return r${index}(r,d);`

/** whether these bytes come at position `p` */
const at = (p: string, bytes: Buffer): string => {
  const tests = [`${p}+${bytes.length}<=e`]
  let i = 0
  for (; i + 4 <= bytes.length; i += 4) tests.push(`v.getUint32(${p}+${i})===${bytes.readUInt32BE(i)}`)
  for (; i < bytes.length; i++) tests.push(`b[${p}+${i}]===${bytes[i]}`)
  return `(${tests.join("&&")})`
}

const quote = (constant: string | boolean | null | undefined): string => JSON.stringify(constant) ?? "undefined"
