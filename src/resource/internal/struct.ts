/** Numbers of several types, one behind the other, as C lays them out. */
import * as Element from "./element.ts"

/** Their names and types, in their order. */
export type Fields = { readonly [name: string]: Element.ElementType }

/** A property for each. */
export type StructOf<F extends Fields> = { -readonly [Name in keyof F]: Element.Value<F[Name]> }

const roundUp = (offset: number, alignment: number): number => Math.ceil(offset / alignment) * alignment

/** Where each is, and what the whole takes. */
export const layout = (fields: Fields) => {
  const offsets = new Map<string, number>()
  let end = 0
  let alignment = 1
  for (const [name, type] of Object.entries(fields)) {
    const bytes = Element.bytesOf(type)
    const offset = roundUp(end, bytes)
    offsets.set(name, offset)
    end = offset + bytes
    alignment = Math.max(alignment, bytes)
  }
  return { offsets, alignment, size: roundUp(end, alignment) }
}

/** Where it may be. */
export const make = <F extends Fields>(fields: F, buffer: SharedArrayBuffer, at: number): StructOf<F> => {
  const properties: PropertyDescriptorMap = {}
  for (const [name, offset] of layout(fields).offsets) {
    const array: Element.Arrays[Element.ElementType] = Element.array(fields[name]!, buffer, at + offset, 1)
    properties[name] = {
      enumerable: true,
      get: () => array[0],
      set: (value) => {
        array[0] = value
      }
    }
  }
  return Object.create(null, properties) as StructOf<F>
}
