/**
 * What only the system can do: calls into its C library.
 *
 * @stability unstable
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import * as Fs from "node:fs"
import type * as Net from "node:net"
import { type GuardFailure, UnsupportedPlatform } from "../guard/GuardFailure.ts"
import * as Reaper from "../guard/internal/reaper.ts"
import * as Guard from "../guard/internal/shared.ts"
import { InvalidOption } from "../wire/InvalidOption.ts"
import { attempt, because, fail } from "./internal/because.ts"
import * as Handles from "./internal/handles.ts"
import * as Overlay from "./internal/overlay.ts"
import * as SegmentName from "./internal/segmentName.ts"
import * as Sockets from "./internal/sockets.ts"
import * as System from "./internal/system.ts"
import { NativeFailed, NativeMissing, type ResourceError, type ResourceErrorReason } from "./ResourceError.ts"

/**
 * Whether something can be done here, and why not.
 *
 * @stability unstable
 * @category models
 * @since 0.1.0
 */
export type Capability =
  | { readonly available: true }
  | { readonly available: false; readonly why: string }

/**
 * What can be done here.
 *
 * @stability unstable
 * @category models
 * @since 0.1.0
 */
export interface Capabilities {
  /** calls into the C library, on which all others but `handles` stand */
  readonly calls: Capability
  /** named segments: `SharedMemory.make`, `SharedMemory.attach` */
  readonly sharedMemory: Capability
  /** segments whose size nobody can change: `SharedMemory.make` with `sealed` */
  readonly sealedMemory: Capability
  /** segments of a process that was killed are unlinked at once, and not only when another one starts */
  readonly promptRemoval: Capability
  /** passing descriptors to other processes: `ResourceSharer`, `Reduction`, `HandleConnection` */
  readonly descriptors: Capability
  /** passing sockets and servers to related processes, also without calls: `ResourceSharer.layerRelated` */
  readonly handles: Capability
  /** who is at the other end of a Unix socket: `peerCredentials` */
  readonly credentials: Capability
}

/**
 * Calls into the system's C library.
 *
 * **When to use**
 *
 * `SharedMemory` and what stands on it use it; provide `Native.layer` once, at the edge of the program. Read
 * `capabilities` for diagnosis.
 *
 * @stability unstable
 * @category services
 * @since 0.1.0
 */
export class Native extends Context.Service<Native, {
  readonly capabilities: Capabilities
  /** what the modules of this library call */
  readonly system: System.System
  /** what unlinks after this process was killed; stands from its first use to the end of the Layer */
  readonly guard: Effect.Effect<Guard.Shared, GuardFailure>
}>()("effect-multiprocessing/Native") {}

const yes: Capability = { available: true }

const no = (why: string): Capability => ({ available: false, why })

/** What of it was loaded, or why it was not. */
const load: Effect.Effect<System.System, ResourceErrorReason> = Effect.suspend(() => {
  if (process.platform !== "linux") {
    return Effect.fail(
      new UnsupportedPlatform({ platform: process.platform, detail: "the C library is called on Linux only" })
    )
  }
  return Effect.tryPromise({ try: System.system, catch: refused })
})

const refused = (error: unknown): ResourceErrorReason => {
  const { code, message } = error as NodeJS.ErrnoException
  // one that it needs itself may be missing, too
  return code === "ERR_MODULE_NOT_FOUND" && message.includes(`'${System.packageName}'`)
    ? new NativeMissing({ package: System.packageName, install: System.install })
    : new NativeFailed({ package: System.packageName, detail: message })
}

const sharedMemory = (): Capability => {
  if (!("WebAssembly" in globalThis)) {
    return no("this Node.js runs without WebAssembly, whose memory can be mapped over")
  }
  try {
    Fs.accessSync(SegmentName.directory, Fs.constants.W_OK | Fs.constants.X_OK)
    return yes
  } catch (error) {
    return no(`${SegmentName.directory} cannot be used: ${(error as NodeJS.ErrnoException).code}`)
  }
}

const memfd = (system: System.System): Capability => {
  try {
    Fs.closeSync(system.anonymous("emp-test"))
    return yes
  } catch (error) {
    return no(`this kernel makes no anonymous files: ${(error as NodeJS.ErrnoException).code}`)
  }
}

const sockets = (): Capability => {
  const why = Sockets.refusal()
  return why === undefined ? yes : no(why)
}

/** Node.js's own. */
const handles: Capability = process.platform === "win32" ? no("no process is started on Windows") : yes

const capabilitiesOf = (system: System.System): Capabilities => {
  const segments = sharedMemory()
  return {
    calls: yes,
    sharedMemory: segments,
    sealedMemory: Overlay.isAvailable() ? memfd(system) : segments,
    promptRemoval: Reaper.guard() === "reaper"
      ? yes
      : no("without a /bin/sh that sees this process, segments wait for the next process of this user"),
    descriptors: sockets(),
    handles,
    credentials: sockets()
  }
}

const without = ({ message }: ResourceErrorReason): Capabilities => ({
  calls: no(message),
  sharedMemory: no(message),
  sealedMemory: no(message),
  promptRemoval: no(message),
  descriptors: no(message),
  handles,
  credentials: no(message)
})

/**
 * What can be done here, and why the rest cannot. It needs no Layer, and does not fail.
 *
 * **Example** (Shared memory where there is some)
 *
 * ```ts
 * Effect.gen(function*() {
 *   const { sharedMemory } = yield* Native.capabilities
 *   if (!sharedMemory.available) yield* Effect.logWarning(`values are copied: ${sharedMemory.why}`)
 * })
 * ```
 *
 * @stability unstable
 * @category models
 * @since 0.1.0
 */
export const capabilities: Effect.Effect<Capabilities> = Effect.match(load, {
  onFailure: without,
  onSuccess: capabilitiesOf
})

/**
 * Loads the optional peer dependency `koffi`.
 *
 * **Details**
 *
 * It fails with `NativeMissing` when `koffi` is not installed (`npm install koffi`), with `NativeFailed` when it has no
 * binary for this platform, and with `UnsupportedPlatform` elsewhere than on Linux. Nothing loads `koffi` before this
 * Layer is built.
 *
 * @stability unstable
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<Native, ResourceError> = Layer.effect(
  Native,
  Effect.gen(function*() {
    const system = yield* Effect.mapError(load, because)
    const scope = yield* Effect.scope
    let standing: Guard.Shared | undefined
    return {
      capabilities: capabilitiesOf(system),
      system,
      guard: Effect.suspend(() =>
        standing === undefined
          ? Effect.tap(Scope.provide(Guard.shared, scope), (guard) =>
            Effect.sync(() => {
              standing = guard
            }))
          : Effect.succeed(standing)
      )
    }
  })
)

/**
 * Who is at the other end of a Unix socket, as the kernel knows it.
 *
 * @stability unstable
 * @category models
 * @since 0.1.0
 */
export interface PeerCredentials {
  /** as this process sees it; 0 for one that it cannot see, in a container beside it */
  readonly pid: number
  readonly uid: number
  readonly gid: number
}

/**
 * Asks the kernel who is at the other end of a Unix socket. Nobody can lie about it.
 *
 * **When to use**
 *
 * To let in some users and not others at a socket that all of them can reach, or to know a client by its pid.
 *
 * **Details**
 *
 * It fails with `InvalidOption` for a socket that is closed, not connected yet, or no Unix socket, and with
 * `SystemCallFailed` for a pipe that is no socket.
 *
 * **Gotchas**
 *
 * They are those of the process that connected, or of a listener the one that listened, at that time: it may have
 * ended since, and its pid be another's; and it may have handed the socket on. User and group do not change by that.
 *
 * **Example** (Only this user, and root)
 *
 * ```ts
 * const isWelcome = (socket: Net.Socket) =>
 *   Effect.map(Native.peerCredentials(socket), ({ uid }) => uid === 0 || uid === process.getuid!())
 * ```
 *
 * @stability unstable
 * @category models
 * @since 0.1.0
 */
export const peerCredentials = (socket: Net.Socket): Effect.Effect<PeerCredentials, ResourceError, Native> =>
  Effect.gen(function*() {
    const { sockets } = (yield* Native).system
    const refuse = (detail: string) => fail(new InvalidOption({ option: "socket", detail }))
    const descriptor = Handles.ofSocket(socket)?.fd
    if (descriptor === undefined || socket.connecting) return yield* refuse("it is not connected")
    return (yield* attempt(() => sockets.peer(descriptor))) ?? (yield* refuse("it is no Unix socket"))
  })
