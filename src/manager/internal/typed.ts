/** Proxies with a Schema of what is in them: how they are made, and how they travel. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as SchemaTransformation from "effect/SchemaTransformation"
import type * as Scope from "effect/Scope"
import { objectPrefix } from "../../remote/internal/names.ts"
import * as Proxies from "../../remote/internal/proxies.ts"

/** Methods over a proxy; `again` puts the same over another one of the same kind. */
export const over = <Raw extends object, A extends object>(raw: Raw, again: (raw: Raw) => unknown, methods: A): A =>
  Proxies.layOver(raw, again as (raw: object) => object, methods)

/** What a typed proxy's Schema is: the raw one's, with the methods put over what arrives. */
export const schema = <Raw extends object, A extends object>(
  object: { readonly prototype: unknown; readonly schema: Schema.Top; readonly key: string },
  methods: (raw: Raw) => A
): any =>
  (object.schema as Schema.Codec<Raw, any, Scope.Scope>).pipe(
    Schema.decodeTo(
      Schema.declare<A>((value): value is A => Proxies.rawOf(value) instanceof (object as any), {
        expected: object.key,
        representation: { id: `${objectPrefix}${object.key}`, payload: null }
      }),
      SchemaTransformation.transform<A, Raw>({
        decode: methods,
        encode: (typed) => Proxies.rawOf(typed) as Raw
      })
    )
  )

/** Fails with what a declared error is, among others. */
export const orFail = <A>(
  answer: { readonly _tag: string; readonly value?: any; readonly error?: any },
  success: (value: any) => Effect.Effect<A, any, any>,
  error: (error: any) => Effect.Effect<unknown, any, any>
): Effect.Effect<A, any, any> =>
  answer._tag === "Changed" ? success(answer.value) : Effect.flatMap(error(answer.error), Effect.fail)
