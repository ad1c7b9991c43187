/** JavaScript that writes values of a known shape: what `Writer.any` does, without asking what everything is. */
import type { Field, Node, Plan, Reference, Shape, Tagged, Union } from "./shape.ts"
import { maxDepth } from "./unencodable.ts"

/** msgpack of a constant, as `Writer` writes it */
export type Encode = (constant: string | boolean | null | undefined) => Uint8Array

/**
 * Functions `w0`, `w1`, ... of (writer, value, depth), one for each node, and `write`. They use what the caller must
 * bring into scope: `tooDeep` and `hasOwn`.
 */
export const emitWriter = ({ nodes, root }: Plan, encode: Encode): string => {
  const functions = nodes.map((node, i) => `function w${i}(w,x,d){${body(node, encode)}}`)
  const run = new Run(encode)
  run.value(root, "x", "d")
  return `${functions.join("\n")}\nfunction write(w,x,d){${run.end()}}`
}

const enter = `if(d>=${maxDepth})throw tooDeep();`

const body = (node: Node, encode: Encode): string => {
  switch (node._tag) {
    case "Any":
      return "w.any(x,d);"
    case "Array":
      return enter + array(node.elements, node.rest, encode)
    case "Struct":
      return enter + struct(node.fields, encode)
    case "Record": {
      const run = new Run(encode)
      run.value(node.value, "x[k]", "d+1")
      return `${enter}const a=Object.keys(x);w.mapHeader(a.length);for(const k of a){w.string(k);${run.end()}}`
    }
    case "Union":
      return union(node)
  }
}

/** bytes: so many that making room is a small thing, and not far more than is needed */
const roomForItems = 4096

const array = (elements: ReadonlyArray<Shape>, rest: Shape, encode: Encode): string => {
  const code = ["const n=x.length;w.arrayHeader(n);let i=0;"]
  for (const element of elements) {
    const run = new Run(encode)
    run.value(element, "x[i]", "d+1")
    code.push(`if(i<n){${run.end()}i++}`)
  }
  const run = new Run(encode)
  run.value(rest, "x[i]", "d+1")
  if (rest._tag === "Number" || rest._tag === "Boolean" || rest._tag === "Constant") {
    const { size } = run
    const atOnce = Math.ceil(roomForItems / size)
    code.push(`while(i<n){const m=Math.min(n,i+${atOnce});w.room((m-i)*${size});for(;i<m;i++){${run.withoutRoom()}}}`)
  } else {
    code.push(`for(;i<n;i++){${run.end()}}`)
  }
  return code.join("")
}

const struct = (fields: ReadonlyArray<Field>, encode: Encode): string => {
  const optional = fields.flatMap((field, i) => field.optional ? [{ ...field, i }] : [])
  const code = optional.map(({ i, name }) => `const h${i}=${isPresent(name)};`)
  const run = new Run(encode)
  if (optional.length > 0) {
    const required = fields.length - optional.length
    code.push(`w.mapHeader(${[required, ...optional.map(({ i }) => `(h${i}?1:0)`)].join("+")});`)
  } else {
    run.mapHeader(fields.length)
  }
  fields.forEach(({ name, optional, shape }, i) => {
    if (optional) {
      code.push(run.end(), `if(h${i}){`)
    }
    run.constant(name)
    run.value(shape, member(name), "d+1")
    if (optional) code.push(run.end(), "}")
  })
  code.push(run.end())
  return code.join("")
}

/** a lookup tells it in most cases, unless the prototype has something of this name */
const isPresent = (name: string): string =>
  `${name in Object.prototype ? "" : `${member(name)}!==undefined||`}hasOwn(x,${quote(name)})`

const union = ({ array, object }: Union): string => {
  const code = ["if(typeof x===\"object\"&&x!==null){"]
  if (array !== undefined) code.push(`if(Array.isArray(x))return w${array.index}(w,x,d);`)
  if (object !== undefined) {
    code.push("if(!(x instanceof Uint8Array)){", object._tag === "Node" ? call(object) : cases(object), "}")
  }
  code.push("}w.any(x,d);")
  return code.join("")
}

const cases = ({ cases, key }: Tagged): string =>
  `switch(${member(key)}){${cases.map(([tag, struct]) => `case ${quote(tag)}:${call(struct)}`).join("")}}`

const call = ({ index }: Reference): string => `return w${index}(w,x,d);`

const quote = (text: string): string => JSON.stringify(text)

const member = (name: string): string => `x[${quote(name)}]`

/** What can be written without making room in between is collected, so that room is made once for all of it. */
class Run {
  /** bytes of room that the collected code needs */
  size = 0
  private done = ""
  private code = ""
  private bytes: Array<number> = []
  private readonly encode: Encode

  constructor(encode: Encode) {
    this.encode = encode
  }

  constant(value: string | boolean | null | undefined): void {
    this.put(...this.encode(value))
  }

  mapHeader(entries: number): void {
    if (entries < 16) this.put(0x80 | entries)
    else this.put(0xde, entries >> 8, entries & 0xff)
  }

  value(shape: Shape, x: string, depth: string): void {
    switch (shape._tag) {
      case "Constant":
        return this.constant(shape.value)
      case "Number":
        return this.small(9, `w.numberInRoom(${x});`)
      case "Boolean":
        return this.small(1, `w.buffer[w.position++]=${x}?0xc3:0xc2;`)
      case "String":
        return this.large(`w.string(${x});`)
      case "Bytes":
        return this.large(`w.bytes(${x});`)
      case "Node":
        return this.large(`w${shape.index}(w,${x},${depth});`)
      case "Any":
        return this.large(`w.any(${x},${depth});`)
    }
  }

  /** The code so far, which makes its room itself. */
  end(): string {
    this.flush()
    const { done } = this
    this.done = ""
    return done
  }

  /** The collected code alone, for a caller who has made room of `size` bytes. */
  withoutRoom(): string {
    this.flushBytes()
    return this.code
  }

  private put(...bytes: ReadonlyArray<number>): void {
    this.bytes.push(...bytes)
    this.size += bytes.length
  }

  private small(size: number, code: string): void {
    this.flushBytes()
    this.code += code
    this.size += size
  }

  private large(code: string): void {
    this.flush()
    this.done += code
  }

  private flush(): void {
    this.flushBytes()
    if (this.size > 0) this.done += `w.room(${this.size});${this.code}`
    this.code = ""
    this.size = 0
  }

  private flushBytes(): void {
    const bytes = Buffer.from(this.bytes)
    if (bytes.length === 0) return
    this.bytes = []
    let i = 0
    let code = "{const b=w.buffer,v=w.view,p=w.position;"
    for (; i + 4 <= bytes.length; i += 4) code += `v.setUint32(p+${i},${bytes.readUInt32BE(i)});`
    for (; i < bytes.length; i++) code += `b[p+${i}]=${bytes[i]};`
    this.code += `${code}w.position=p+${bytes.length};}`
  }
}
