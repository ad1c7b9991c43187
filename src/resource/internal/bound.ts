/** Functions and methods with what they are called with, or on: CPython's `partial` and bound methods. */
import * as Schema from "effect/Schema"
import * as SchemaTransformation from "effect/SchemaTransformation"
import type * as Remote from "../../remote/Remote.ts"

type Callable = Remote.AnyFn & { readonly call: (...args: ReadonlyArray<any>) => unknown }

/** A function, and the payload that it will be called with. */
export class Bound<F extends Callable> {
  readonly fn: F
  readonly payload: F["payload"]["Type"]

  constructor(fn: F, payload: F["payload"]["Type"]) {
    this.fn = fn
    this.payload = payload
  }

  /** The call, as `fn.call` makes it where this is. */
  get call(): ReturnType<F["call"]> {
    return this.fn.call(this.payload) as ReturnType<F["call"]>
  }
}

export const boundSchema = <F extends Callable>(fn: F) => {
  const Parts = Schema.Struct({ fn: Schema.Literal(fn.id), payload: fn.payload as Schema.Top })
  return Parts.pipe(
    Schema.decodeTo(
      Schema.declare<Bound<F>>((value): value is Bound<F> => value instanceof Bound && value.fn.id === fn.id, {
        expected: `${fn.id}, bound`
      }),
      SchemaTransformation.transform({
        decode: ({ payload }) => new Bound(fn, payload),
        encode: ({ payload }) => ({ fn: fn.id, payload })
      })
    )
  )
}

/** A method of an object, and the proxy that it is of. */
export class BoundMethod<O, K extends keyof O> {
  readonly object: O
  readonly method: K

  constructor(object: O, method: K) {
    this.object = object
    this.method = method
  }

  get call(): O[K] {
    return this.object[this.method]
  }
}

export const boundMethodSchema = (object: { readonly schema: Schema.Top; readonly key: string }, method: string) => {
  const Parts = Schema.Struct({ object: object.schema, method: Schema.Literal(method) })
  return Parts.pipe(
    Schema.decodeTo(
      Schema.declare<BoundMethod<any, any>>(
        (value): value is BoundMethod<any, any> => value instanceof BoundMethod && value.method === method,
        { expected: `${object.key}/${method}, bound` }
      ),
      SchemaTransformation.transform({
        decode: ({ object }) => new BoundMethod<any, any>(object, method),
        encode: ({ object }) => ({ object, method })
      })
    )
  )
}
