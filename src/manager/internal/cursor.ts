/** Iterators as their clients see them. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Ref } from "../../remote/internal/control.ts"
import { own } from "../../remote/internal/leases.ts"
import type { RemoteError } from "../../wire/RemoteError.ts"
import type { RemoteIterator } from "../RemoteIterator.ts"
import { claimAll } from "./claimAll.ts"
import { Iterator } from "./iterator.ts"
import type { Packing } from "./stored.ts"
import * as Typed from "./typed.ts"

/** items of one question, where a stream asks */
const together = 64

export const over = (unpack: Packing["unpack"]) => {
  const proxy = (raw: Iterator): RemoteIterator<any, any> => {
    const next = (most: number) => claimAll(raw, unpack, (number) => raw.next({ number, most }))
    return Typed.over(raw, proxy, {
      next: Effect.map(next(1), (items) => Option.fromUndefinedOr(items.at(0)) as Option.Option<unknown>),
      stream: Stream.paginate(
        undefined,
        () =>
          Effect.map(
            next(together),
            (items) => [items, items.length === 0 ? Option.none() : Option.some(undefined)] as const
          )
      ),
      close: Effect.suspend(() => raw.close())
    }) as any
  }
  return proxy
}

/** The iterator that a container has just made. */
export const open = (
  iterate: () => Effect.Effect<Ref, RemoteError>,
  unpack: Packing["unpack"]
): Effect.Effect<RemoteIterator<any, any>, RemoteError, Scope.Scope> =>
  Effect.flatMap(
    Effect.suspend(iterate),
    (ref) => Effect.map(own.take(Iterator.prototype, Iterator.key, ref), (raw) => over(unpack)(raw as Iterator))
  )
