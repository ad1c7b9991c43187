/** Arrays of numbers in a manager. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Implementation from "../../remote/internal/implementation.ts"
import { ContainerError, IndexOutOfRange } from "../ContainerError.ts"
import { Array_, type Kind } from "./array.ts"
import type { BuiltIn, Handler } from "./builtIn.ts"
import { Handling } from "./handling.ts"
import { indexIn } from "./items.ts"

const makers = {
  Int8: Int8Array,
  Uint8: Uint8Array,
  Int16: Int16Array,
  Uint16: Uint16Array,
  Int32: Int32Array,
  Uint32: Uint32Array,
  Float32: Float32Array,
  Float64: Float64Array
}

class Numbers extends Handling {
  private readonly kind: Kind
  private readonly numbers: InstanceType<typeof makers[Kind]>

  constructor(kind: Kind, length: number, numbers: ReadonlyArray<number>) {
    super()
    this.kind = kind
    this.numbers = new makers[kind](length)
    this.numbers.set(numbers)
  }

  readonly handlers: Readonly<Record<string, Handler>> = {
    about: () => Exit.succeed({ kind: this.kind, length: this.numbers.length }),
    get: ({ index }: { readonly index: number }) => this.at(index, 1, (at) => this.numbers[at]!),
    set: ({ index, numbers }: { readonly index: number; readonly numbers: ReadonlyArray<number> }) =>
      this.at(index, numbers.length, (at) => this.numbers.set(numbers, at)),
    add: ({ by, index }: { readonly index: number; readonly by: number }) =>
      this.at(index, 1, (at) => {
        this.numbers[at]! += by
        return this.numbers[at]!
      }),
    part: ({ end, start }: { readonly start?: number; readonly end?: number }) =>
      Exit.succeed(Array.from(this.numbers.subarray(start, end)))
  }

  readonly summary = (): string => `${this.numbers.length} numbers (${this.kind})`

  private at<A>(index: number, count: number, use: (at: number) => A): Exit.Exit<A, ContainerError> {
    const size = this.numbers.length
    const at = indexIn(size, index)
    return at >= 0 && at + count <= size
      ? Exit.succeed(use(at))
      : Exit.fail(
        new ContainerError({ reason: new IndexOutOfRange({ index: count === 0 ? index : index + count - 1, size }) })
      )
  }
}

export const array: BuiltIn = {
  declaration: Implementation.declarationOf(Array_) as Implementation.ObjectDeclaration,
  make: ({ kind, length, numbers }: {
    readonly kind: Kind
    readonly length: number
    readonly numbers: ReadonlyArray<number>
  }) => Effect.sync(() => new Numbers(kind, length, numbers))
}
