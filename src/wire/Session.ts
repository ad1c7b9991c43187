/**
 * Many typed calls at once over one `Transport`, in both directions.
 *
 * `docs/wire.md` describes the bytes. Promises: a call is run at most once; calls of one fiber arrive in order; memory
 * is bounded by credits on both ends; every failure of the peer or of the transport is a `RemoteError` with its reason,
 * at once.
 *
 * @stability unstable
 * @since 0.1.0
 */
import type * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import { Live } from "./internal/live.ts"
import * as Method_ from "./Method.ts"
import type { RemoteError, RemoteErrorReason } from "./RemoteError.ts"
import type { Transport } from "./Transport.ts"

/**
 * One callable of a contract, compiled once per process: what both ends share.
 *
 * @stability unstable
 * @category models
 * @since 0.1.0
 */
export type Method = Method_.Method

/**
 * A `Method` and what answers it.
 *
 * @stability unstable
 * @category models
 * @since 0.1.0
 */
export type Served = Method_.Served

/**
 * Compiles a `Method` from its Schemas.
 *
 * @stability unstable
 * @category constructors
 * @since 0.1.0
 */
export const method: (options: {
  readonly id: string
  readonly payload: Schema.Top
  readonly success: Schema.Top
  readonly error: Schema.Top
  readonly stream: boolean
}) => Method = Method_.make

/**
 * What the peer said about itself when the session began.
 *
 * @stability unstable
 * @category models
 * @since 0.1.0
 */
export interface Hello {
  /** of the protocol */
  readonly version: number
  /** new for every start of the peer's server */
  readonly epoch: string
  readonly methods: ReadonlyArray<{ readonly id: string; readonly fingerprint: string }>
}

/**
 * How a `Session` is made.
 *
 * @stability unstable
 * @category options
 * @since 0.1.0
 */
export interface Options {
  readonly transport: Transport
  /** what this end serves; default nothing */
  readonly serve?: ReadonlyArray<Served> | undefined
  /** in which handlers and effectful codecs run, on top of the context of `make`'s caller */
  readonly context?: Context.Context<never> | undefined
  /** new for every server start; default a random one per session */
  readonly epoch?: string | undefined
  /** bytes of the largest record this end accepts, checked before allocation; default 256 MiB */
  readonly maxRecord?: number | undefined
  /** what the peer may make this end hold */
  readonly window?: {
    /** how far a producer may run ahead of this end's consumer of its stream; default 256 elements */
    readonly elements?: number
    /** and in bytes, of which one chunk may be more; default 1 MiB */
    readonly bytes?: number
    /** calls of the peer that run or wait here; default 65,536 */
    readonly calls?: number
    /** bytes that those of these calls bring that bring more than 4 KiB; one call may bring more; default 64 MiB */
    readonly callBytes?: number
  } | undefined
  /** bytes that may be written and unsent before senders suspend; default 1 MiB */
  readonly budget?: number | undefined
  /** pings a silent peer, and takes one that stays silent as gone; only for connections that can be half open */
  readonly pingInterval?: Duration.Input | undefined
  /** what becomes of a peer that does not let go of a call which was interrupted, or whose deadline has passed */
  readonly overdue?: {
    /** milliseconds that it has for that; asked for each such call. Infinity: as long as it likes */
    readonly after: () => number
    /** called once for each call that it did not let go of in time */
    readonly force: (method: string, waited: number) => void
    /** whether an interrupted caller goes on then, though the peer has not let go; default false */
    readonly goOn?: boolean | undefined
  } | undefined
  /**
   * milliseconds that handlers have at the end of the Scope; those that still run then are left to themselves. Default:
   * as long as they like
   */
  readonly closeTimeout?: number | undefined
  /** asked once when the peer or the transport ended the session: why; default `Disconnected` */
  readonly disconnected?: Effect.Effect<RemoteErrorReason> | undefined
  /** the peer gave these leases back */
  readonly onRelease?: ((ids: ReadonlyArray<number>) => void) | undefined
}

/**
 * How long a call may take.
 *
 * @stability unstable
 * @category options
 * @since 0.1.0
 */
export interface CallOptions {
  /** then it fails with `CallTimeout`, at once, and its handler is interrupted; default none */
  readonly timeout?: Duration.Input | undefined
  /** from when on that counts, as `performance.now()` told it; default the call's beginning */
  readonly since?: number | undefined
}

/**
 * Both directions of calls over one `Transport`.
 *
 * @stability unstable
 * @category models
 * @since 0.1.0
 */
export interface Session {
  /** how errors name the other end */
  readonly peer: string
  /** completes when the peer's Hello has arrived */
  readonly ready: Effect.Effect<Hello, RemoteError>
  /**
   * Calls `method` at the peer.
   *
   * Fails with the method's declared error or with `RemoteError`. Its interruption ends when the peer has run the
   * handler's finalizers, or with the session.
   */
  readonly call: (method: Method, payload: unknown, options?: CallOptions) => Effect.Effect<unknown, unknown, any>
  /** as `call`, for a method whose `stream` is true; `timeout` is for the whole of it */
  readonly stream: (method: Method, payload: unknown, options?: CallOptions) => Stream.Stream<unknown, unknown, any>
  /** whether calls should still be sent; false before the first one fails for the session's end, or its nearing end */
  readonly isOpen: () => boolean
  /** calls and streams of this end that the peer has not answered finally */
  readonly inFlight: () => number
  /** gives a lease back; all of one tick travel in one record */
  readonly release: (id: number) => void
  /** completes when the peer asks this end to finish; `deadline` is in milliseconds from then on */
  readonly closeRequested: Effect.Effect<{ readonly deadline: number }>
  /** asks the peer to finish within so many milliseconds; does not wait for it */
  readonly requestClose: (deadline: number) => Effect.Effect<void>
  /** interrupts the handlers that run here and waits for their finalizers; calls that arrive later are refused */
  readonly interruptCalls: Effect.Effect<void>
  /** completes when the kernel has taken all that has been sent so far, or the session has ended */
  readonly flush: Effect.Effect<void>
  /** completes when the session has ended, with why */
  readonly closed: Effect.Effect<RemoteErrorReason>
}

/**
 * Opens a session over a transport, and owns it: the end of the Scope interrupts the handlers, waits for their
 * finalizers, and ends the transport.
 *
 * @stability unstable
 * @category constructors
 * @since 0.1.0
 */
export const make: (options: Options) => Effect.Effect<Session, never, Scope.Scope> = Effect.fnUntraced(
  function*(options) {
    const live = new Live(options, yield* Effect.context<never>())
    yield* Effect.addFinalizer(() => live.end)
    live.start()
    return live.session()
  }
)
