/**
 * JavaScript that reads values of a probable shape.
 *
 * Whatever the bytes are, it gives what `Reader.any` gives: where something else comes than was expected, the generic
 * reader goes on from there. No byte is read twice, so that nobody can make reading slow by nearly matching.
 */
import type { Encode } from "./emitWriter.ts"
import type { Field, Node, Plan, Reference, Shape, Tagged, Union } from "./shape.ts"

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
 * Fields are read into variables in the order in which they are written. `at` counts the fields passed: at the first
 * key that is not the expected one, those that were read become an object, and the generic reader adds the others.
 */
const struct = (fields: ReadonlyArray<Field>, encode: Encode): string => {
  const variables = fields.map((_, i) => `f${i}`)
  const required = fields.filter((field) => !field.optional).length
  const allRequired = required === fields.length
  const code = [
    "const n=r.tryMap();if(n<0)return r.any(d);r.enter(d);",
    `const b=r.buffer,v=r.view,e=r.end;let p,at=0,left=n;let ${variables.join(",")};`
  ]
  if (!allRequired) code.push(`let ${fields.flatMap((field, i) => field.optional ? [`h${i}=false`] : []).join(",")};`)
  code.push(`m:{${allRequired ? `if(n!==${fields.length})break m;` : ""}`)
  fields.forEach((field, i) => {
    const constant = constantOf(field.shape)
    const bytes = Buffer.concat([encode(field.name), ...(constant === undefined ? [] : [encode(constant.value)])])
    const matched = `r.position=p+${bytes.length};f${i}=${
      constant === undefined ? value(field.shape, "d+1") : literal(constant.value)
    };left--;`
    const check = `p=r.position;if(${allRequired ? "" : "left>0&&"}p+${bytes.length}<=e&&${equals(bytes)})`
    code.push(
      field.optional ? `${check}{${matched}h${i}=true}` : `${check}{${matched}at=${i + 1}}else break m;`
    )
  })
  code.push(allRequired ? `return ${object(fields)}` : `if(left===0){${build(fields)}return o}`, "}")
  code.push("const o={};")
  fields.forEach((field, i) => code.push(`if(${field.optional ? `h${i}` : `at>${i}`})o[${quote(field.name)}]=f${i};`))
  code.push("return r.entries(o,left,d)")
  return code.join("")
}

const object = (fields: ReadonlyArray<Field>): string =>
  `{${fields.flatMap((field, i) => field.optional ? [] : [`${quote(field.name)}:f${i}`]).join(",")}}`

const build = (fields: ReadonlyArray<Field>): string =>
  `const o=${object(fields)};${
    fields.map((field, i) => field.optional ? `if(h${i})o[${quote(field.name)}]=f${i};` : "").join("")
  }`

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
    return `if(q+${bytes.length}<=e&&${equals(bytes, "q")})${call(struct)}`
  })
  return `const q=p+(t<0x90?1:t===0xde?3:5);${tests.join("")}`
}

const call = ({ index }: Reference): string => `return r${index}(r,d);`

/** whether these bytes are at position `p` */
const equals = (bytes: Buffer, p = "p"): string => {
  const tests: Array<string> = []
  let i = 0
  for (; i + 4 <= bytes.length; i += 4) tests.push(`v.getUint32(${p}+${i})===${bytes.readUInt32BE(i)}`)
  for (; i < bytes.length; i++) tests.push(`b[${p}+${i}]===${bytes[i]}`)
  return tests.join("&&")
}

const constantOf = (shape: Shape) => shape._tag === "Constant" ? shape : undefined

const literal = (value: string | boolean | null | undefined): string =>
  value === undefined ? "undefined" : JSON.stringify(value)

const quote = (text: string): string => JSON.stringify(text)
