/** TLS, over sockets that are connected or accepted as any others. `node:tls` is loaded by who uses it. */
import * as Effect from "effect/Effect"
import * as Net from "node:net"
import type * as Tls from "node:tls"
import * as Address from "../Address.ts"
import type { Credentials } from "../Authentication.ts"
import type * as Connection from "../Connection.ts"
import { ConnectionError, type ConnectionErrorReason, TlsFailed } from "../ConnectionError.ts"
import type * as Listener from "../Listener.ts"
import type { Link } from "./link.ts"

export const failed = (peer: string, { code = "EUNKNOWN", message: detail }: NodeJS.ErrnoException): TlsFailed =>
  new TlsFailed({ peer, code, detail })

const failure = (peer: string, error: NodeJS.ErrnoException): ConnectionError =>
  new ConnectionError({ reason: failed(peer, error) })

const incomplete = (message: string): NodeJS.ErrnoException =>
  Object.assign(new TypeError(message), { code: "ERR_MISSING_ARGS" })

/** Options of Node's own that were not asked for must not come in, whatever the object holds. */
const contextOf = (options: Credentials): Tls.SecureContextOptions => {
  const { ca, cert, ciphers, crl, key, minVersion = "TLSv1.2", passphrase, pfx } = options
  if ((cert === undefined) !== (key === undefined)) throw incomplete("cert and key go together")
  return { ca, cert, ciphers, crl, key, minVersion, maxVersion: "TLSv1.3", passphrase, pfx }
}

const tried = <A>(peer: string, make: (tls: typeof Tls) => A): Effect.Effect<A, ConnectionError> =>
  Effect.flatMap(
    Effect.promise(() => import("node:tls")),
    (tls) => Effect.try({ try: () => make(tls), catch: (error) => failure(peer, error as NodeJS.ErrnoException) })
  )

/** Connects to an address, and speaks TLS there. */
export type Dial = (onread: Net.OnReadOpts) => Tls.TLSSocket

export const dial = (
  address: typeof Address.Tcp.Type,
  options: Connection.TlsOptions
): Effect.Effect<Dial, ConnectionError> =>
  tried(Address.format(address), (tls) => {
    const secureContext = tls.createSecureContext(contextOf(options))
    const name = options.servername ?? address.host
    const common: Tls.ConnectionOptions = {
      host: address.host,
      port: address.port,
      secureContext,
      rejectUnauthorized: true,
      // An IP address is no name that can be asked for, but one that a certificate may have.
      servername: Net.isIP(name) === 0 ? name : "",
      checkServerIdentity: (_, certificate) => tls.checkServerIdentity(name, certificate)
    }
    return (onread) => {
      const options: Tls.ConnectionOptions & { readonly onread: Net.OnReadOpts } = { ...common, onread }
      return tls.connect(options)
    }
  })

/** Speaks TLS with those whose sockets were accepted. */
export interface Receive {
  (raw: Net.Socket, peer: string): Effect.Effect<Tls.TLSSocket, ConnectionError>
}

/** milliseconds, nearly as many as a timer can count: the deadline of the handshake is ours */
const never = 2 ** 31 - 1

export const receive = (listener: string, options: Listener.TlsOptions): Effect.Effect<Receive, ConnectionError> =>
  tried(listener, (tls) => {
    const { requestCert = false } = options
    const context = contextOf(options)
    const make = () => tls.createServer({ ...context, requestCert, rejectUnauthorized: true, handshakeTimeout: never })
    if (context.cert === undefined && context.pfx === undefined) {
      throw incomplete("a listener needs cert and key, or pfx")
    }
    // A server of node:tls tells of a secure socket, and not whose it is: so each is asked for one at a time.
    const idle = [make()]
    return (raw, peer) =>
      Effect.callback((resume) => {
        const server = idle.pop() ?? make()
        const done = (): void => {
          server.removeAllListeners("secureConnection").removeAllListeners("tlsClientError")
          idle.push(server)
        }
        server.once("secureConnection", (socket) => {
          done()
          resume(Effect.succeed(socket))
        })
        server.once("tlsClientError", (error: NodeJS.ErrnoException, socket) => {
          done()
          const { authorizationError } = socket
          resume(Effect.fail(
            authorizationError === undefined || authorizationError === null
              ? failure(peer, error)
              : failure(peer, {
                ...error,
                code: String(authorizationError),
                message: "its certificate is not accepted"
              })
          ))
          raw.destroy()
        })
        raw.on("error", () => {})
        server.emit("connection", raw)
        // One of both events follows.
        return Effect.sync(() => raw.destroy())
      })
  })

const ofTls = /^ERR_(?:SSL|TLS|OSSL)_/

/**
 * What a connection fails with as long as the peer is a stranger. A peer may refuse a certificate after TLS was agreed
 * on, as TLS 1.3 has it; one that says nothing of why has ended the connection before its first word.
 */
export const explained = (link: Link, reason: ConnectionErrorReason): ConnectionErrorReason => {
  const { peer } = link
  if (reason._tag === "ConnectionBroken" && ofTls.test(reason.code)) {
    return new TlsFailed({ peer, code: reason.code, detail: reason.detail })
  }
  if ((reason._tag !== "EndOfStream" && reason._tag !== "ConnectionBroken") || link.hasHeard) return reason
  const detail = "it ended the connection right after TLS was agreed on: does it accept this side's certificate?"
  return new TlsFailed({ peer, code: "ECONNRESET", detail })
}
