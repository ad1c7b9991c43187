/**
 * Memory that processes share, and that belongs to a manager: CPython's `SharedMemoryManager`.
 *
 * @stability unstable
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"
import * as SchemaTransformation from "effect/SchemaTransformation"
import type * as Scope from "effect/Scope"
import { objectPrefix } from "../remote/internal/names.ts"
import type { Manager } from "../remote/internal/object.ts"
import type { ManagerError } from "../remote/ManagerError.ts"
import { whole } from "../resource/internal/segment.ts"
import type { Native } from "../resource/Native.ts"
import type { ResourceError } from "../resource/ResourceError.ts"
import * as SharedMemory from "../resource/SharedMemory.ts"
import type { Checked } from "../wire/internal/checked.ts"
import type { RemoteError } from "../wire/RemoteError.ts"
import * as Internal from "./internal/memory.ts"

/**
 * A segment that a manager has made, attached here.
 *
 * **When to use**
 *
 * Where a segment is to live as long as anybody uses it, and not as long as the process or the call that asked for it:
 * a handler can make one and answer with it. In all else it is a `SharedMemory`: `view`, `struct`, `SharedArray` and
 * `ShareableList` take it.
 *
 * **Details**
 *
 * It is a lease as the proxies of other objects are, and a mapping, both for as long as the Scope is open. In a message
 * it travels as a ticket, which keeps it until it arrives. With the last lease, or with the manager, its name ends;
 * whoever has it mapped keeps the memory. A killed manager leaves nothing.
 *
 * **Example** (A service that answers with a picture)
 *
 * ```ts
 * class Camera extends Remote.Service<Camera>()("app/Camera", {
 *   shoot: { success: RemoteSharedMemory.schema }
 * }) {}
 *
 * const CameraLive = Camera.toLayer({
 *   shoot: () => RemoteSharedMemory.make({ size: 640 * 480 * 3 }).pipe(Effect.tap(expose), Effect.orDie)
 * })
 * ```
 *
 * @stability unstable
 * @category models
 * @since 0.1.0
 */
export interface RemoteSharedMemory extends SharedMemory.SharedMemory {
  /** Ends the name now, for all: whoever has the memory keeps it. It can be sent no more. */
  readonly unlink: Effect.Effect<void, RemoteError>
}

class Attached implements RemoteSharedMemory {
  readonly raw: Internal.Memory
  private readonly segment: SharedMemory.SharedMemory

  constructor(raw: Internal.Memory, segment: SharedMemory.SharedMemory) {
    this.raw = raw
    this.segment = segment
  }

  get name() {
    return this.segment.name
  }

  get size() {
    return this.segment.size
  }

  get buffer() {
    return this.segment.buffer
  }

  get bytes() {
    return this.segment.bytes
  }

  get isClosed() {
    return this.segment.isClosed
  }

  get unlink() {
    return this.raw.unlink()
  }
}

const attached = (
  raw: Internal.Memory
): Effect.Effect<Attached, RemoteError | ResourceError, Native | Scope.Scope> =>
  Effect.flatMap(
    raw.where(),
    ({ name, size }) => Effect.map(SharedMemory.attach(name, { size }), (segment) => new Attached(raw, segment))
  )

/**
 * A new segment in the manager of the Context, all zeros, leased and attached until the Scope closes.
 *
 * **Details**
 *
 * The manager makes it, and needs `koffi` as this process does. Both must be on one machine.
 *
 * @stability unstable
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  options: SharedMemory.Options
): Effect.Effect<
  RemoteSharedMemory,
  ManagerError | RemoteError | ResourceError,
  Manager | Native | Scope.Scope
> => whole(Effect.flatMap(Internal.Memory.create(options), attached))

/**
 * Segments in payloads, results and other objects: what arrives is leased and attached, until the receiver's Scope
 * closes.
 *
 * @stability unstable
 * @category schemas
 * @since 0.1.0
 */
export const schema: Checked<
  RemoteSharedMemory,
  typeof Internal.Memory.schema.Encoded,
  Native | Scope.Scope
> = Internal.Memory.schema.pipe(
  Schema.decodeTo(
    Schema.declare((value): value is RemoteSharedMemory => value instanceof Attached, {
      expected: "a shared memory segment of a manager",
      representation: { id: `${objectPrefix}${Internal.Memory.key}`, payload: null }
    }),
    SchemaTransformation.transformEffect({
      decode: (raw: Internal.Memory) =>
        Effect.mapError(
          attached(raw),
          ({ message }) => new SchemaIssue.InvalidValue({ message }, Internal.Memory.key, undefined)
        ),
      encode: (memory: RemoteSharedMemory) => Effect.succeed((memory as Attached).raw)
    })
  )
)
