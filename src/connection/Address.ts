/**
 * Where a process can be reached.
 *
 * @stability unstable
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"
import * as SchemaTransformation from "effect/SchemaTransformation"
import { isIP } from "node:net"
import { UnsupportedPlatform } from "../guard/GuardFailure.ts"
import type { Checked } from "../wire/internal/checked.ts"
import { ConnectionError, type ConnectionErrorReason, InsecureAddress, InvalidAddress } from "./ConnectionError.ts"

/**
 * A Unix domain socket: processes of this machine that may enter the path's directory.
 *
 * @stability unstable
 * @category schemas
 * @since 0.1.0
 */
export const Unix = Schema.TaggedStruct("Unix", { path: Schema.String })

/**
 * A Unix domain socket in Linux's abstract namespace, which has no file and no permissions: every process of this
 * network namespace can connect, and only the key protects it. Never used unless it is asked for.
 *
 * @stability unstable
 * @category schemas
 * @since 0.1.0
 */
export const Abstract = Schema.TaggedStruct("Abstract", { name: Schema.String })

/**
 * A port of a host. To listen at port 0 takes any free one.
 *
 * @stability unstable
 * @category schemas
 * @since 0.1.0
 */
export const Tcp = Schema.TaggedStruct("Tcp", { host: Schema.String, port: Schema.Int })

/**
 * A named pipe of Windows.
 *
 * @stability unstable
 * @category schemas
 * @since 0.1.0
 */
export const Pipe = Schema.TaggedStruct("Pipe", { name: Schema.String })

/**
 * Any address, as a value. `FromString` is the Schema of its text.
 *
 * @stability unstable
 * @category schemas
 * @since 0.1.0
 */
export const Address = Schema.Union([Unix, Abstract, Tcp, Pipe])

/**
 * Where a process can be reached.
 *
 * @stability unstable
 * @category models
 * @since 0.1.0
 */
export type Address = typeof Address.Type

/**
 * An address, or its text as `parse` reads it.
 *
 * @stability unstable
 * @category models
 * @since 0.1.0
 */
export type Input = Address | string

/**
 * A Unix domain socket.
 *
 * @stability unstable
 * @category constructors
 * @since 0.1.0
 */
export const unix = (path: string): Address => ({ _tag: "Unix", path })

/**
 * A name in Linux's abstract namespace.
 *
 * @stability unstable
 * @category constructors
 * @since 0.1.0
 */
export const abstract = (name: string): Address => ({ _tag: "Abstract", name })

/**
 * A port, by default of this machine alone.
 *
 * @stability unstable
 * @category constructors
 * @since 0.1.0
 */
export const tcp = (port: number, host = "127.0.0.1"): Address => ({ _tag: "Tcp", host, port })

/**
 * A named pipe of Windows.
 *
 * @stability unstable
 * @category constructors
 * @since 0.1.0
 */
export const pipe = (name: string): Address => ({ _tag: "Pipe", name })

/** bytes that `sockaddr_un` holds besides the final zero */
const longestPath = process.platform === "darwin" ? 103 : 107

const pipePrefix = "\\\\.\\pipe\\"

/** Why it cannot be an address anywhere. */
const flaw = (address: Address): string | undefined => {
  switch (address._tag) {
    case "Unix": {
      const bytes = Buffer.byteLength(address.path)
      if (bytes === 0) return "the path is empty"
      if (address.path.includes("\0")) return "the path holds a null character"
      return bytes > longestPath ? `the path has ${bytes} bytes, a socket's may have ${longestPath}` : undefined
    }
    case "Abstract": {
      const bytes = Buffer.byteLength(address.name)
      if (bytes === 0) return "the name is empty"
      return bytes > longestPath ? `the name has ${bytes} bytes, it may have ${longestPath}` : undefined
    }
    case "Tcp":
      if (!/^[^\s:/[\]\0]+$/.test(address.host) && isIP(address.host) !== 6) {
        return "the host is no name and no IP address"
      }
      return Number.isInteger(address.port) && address.port >= 0 && address.port <= 65_535
        ? undefined
        : `${address.port} is no port`
    case "Pipe":
      return /^[^\\/\0]+$/.test(address.name) ? undefined : "the name of a pipe is empty or has a backslash"
  }
}

const invalid = (address: string, detail: string): ConnectionError =>
  new ConnectionError({ reason: new InvalidAddress({ address, detail }) })

/**
 * Reads the text of an address.
 *
 * **Details**
 *
 * | text                                                    | address                                 |
 * | ------------------------------------------------------- | --------------------------------------- |
 * | `/run/app.sock`, `unix:/run/app.sock`, `unix:app.sock`  | a Unix domain socket                    |
 * | `127.0.0.1:4711`, `tcp://example.org:4711`, `[::1]:4711` | a port of a host; IPv6 in brackets      |
 * | `abstract:app`                                          | a name in Linux's abstract namespace    |
 * | `\\.\pipe\app`                                          | a named pipe of Windows                 |
 *
 * @stability unstable
 * @category parsing
 * @since 0.1.0
 */
export const parse = (text: string): Result.Result<Address, ConnectionError> => {
  const address = read(text)
  if (address === undefined) {
    return Result.fail(invalid(text, "a path, host:port, abstract:name or a pipe was expected"))
  }
  const detail = flaw(address)
  return detail === undefined ? Result.succeed(address) : Result.fail(invalid(text, detail))
}

const read = (text: string): Address | undefined => {
  if (text.startsWith("/") || text.startsWith("./") || text.startsWith("../")) return unix(text)
  if (text.startsWith("unix:")) return unix(text.slice("unix:".length))
  if (text.startsWith("abstract:")) return abstract(text.slice("abstract:".length))
  if (text.startsWith(pipePrefix)) return pipe(text.slice(pipePrefix.length))
  const match = /^(?:tcp:\/\/)?(?:\[([^\]]*)\]|([^:/]*)):(\d{1,5})\/?$/.exec(text)
  if (match === null) return undefined
  const [, bracketed, host, port] = match
  if (bracketed !== undefined && isIP(bracketed) !== 6) return undefined
  return tcp(Number(port), bracketed ?? host!)
}

/**
 * The text of an address, which `parse` reads.
 *
 * @stability unstable
 * @category printing
 * @since 0.1.0
 */
export const format = (address: Address): string => {
  switch (address._tag) {
    case "Unix":
      return `unix:${address.path}`
    case "Abstract":
      return `abstract:${address.name}`
    case "Tcp":
      return `tcp://${isIP(address.host) === 6 ? `[${address.host}]` : address.host}:${address.port}`
    case "Pipe":
      return `${pipePrefix}${address.name}`
  }
}

/**
 * An address as a text: for configuration and messages.
 *
 * **Example** (From the environment)
 *
 * ```ts
 * const address = Config.schema(Address.FromString, "APP_ADDRESS")
 * ```
 *
 * @stability unstable
 * @category schemas
 * @since 0.1.0
 */
export const FromString: Checked<Address, string> = Schema.String.pipe(
  Schema.decodeTo(
    Address,
    SchemaTransformation.transformEffect<Address, string>({
      decode: (text, options) =>
        Effect.mapError(
          Effect.fromResult(parse(text)),
          ({ message }) => new SchemaIssue.InvalidValue({ message }, text, options)
        ),
      encode: (address) => Effect.succeed(format(address))
    })
  )
)

/**
 * Whether only processes of this machine can reach it, as far as the text tells: of host names only `localhost`.
 *
 * @stability unstable
 * @category guards
 * @since 0.1.0
 */
export const isLocal = (address: Address): boolean =>
  address._tag !== "Tcp" || address.host === "localhost" || address.host === "::1" ||
  (isIP(address.host) === 4 && address.host.startsWith("127.")) || /^::ffff:127(?:\.\d+){3}$/i.test(address.host)

const platforms = {
  Unix: process.platform !== "win32",
  Abstract: process.platform === "linux",
  Tcp: true,
  Pipe: process.platform === "win32"
}

/** An address, of its text too; not checked for any use. @internal */
export const fromInput = (input: Input): Result.Result<Address, ConnectionError> =>
  typeof input === "string" ? parse(input) : Result.succeed(input)

/** Reads and checks an address that is to be used on this platform. @internal */
export const resolve = (
  input: Input,
  security: { readonly tls: boolean; readonly insecure: boolean }
): Result.Result<Address, ConnectionError> => {
  const parsed = fromInput(input)
  if (Result.isFailure(parsed)) return parsed
  const address = parsed.success
  const reason = refusal(address, security)
  return reason === undefined ? parsed : Result.fail(new ConnectionError({ reason }))
}

const refusal = (
  address: Address,
  { insecure, tls }: { readonly tls: boolean; readonly insecure: boolean }
): ConnectionErrorReason | undefined => {
  const text = format(address)
  const detail = flaw(address)
  if (detail !== undefined) return new InvalidAddress({ address: text, detail })
  if (!platforms[address._tag]) {
    return new UnsupportedPlatform({ platform: process.platform, detail: `it has no address like ${text}` })
  }
  if (tls && address._tag !== "Tcp") {
    return new InvalidAddress({ address: text, detail: "TLS is spoken over TCP alone" })
  }
  return isLocal(address) || tls || insecure ? undefined : new InsecureAddress({ address: text })
}
