/** TLS under the handshake: who comes in, who does not and why, and that messages are what they are without it. */
import { assert, describe, it } from "@effect/vitest"
import * as Address from "effect-multiprocessing/Address"
import * as AuthKey from "effect-multiprocessing/AuthKey"
import * as Connection from "effect-multiprocessing/Connection"
import type { ConnectionError, ConnectionErrorReason } from "effect-multiprocessing/ConnectionError"
import * as Listener from "effect-multiprocessing/Listener"
import * as Remote from "effect-multiprocessing/Remote"
import * as RemoteClient from "effect-multiprocessing/RemoteClient"
import * as RemoteServer from "effect-multiprocessing/RemoteServer"
import { waitUntil } from "effect-multiprocessing/testing"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Net from "node:net"
import { networkInterfaces } from "node:os"
import * as Tls from "node:tls"
import { ca, certificate } from "../support/certificates.ts"

class Greeter extends Remote.Service<Greeter>()("test/Greeter", {
  greet: { payload: { name: Schema.String }, success: Schema.String }
}) {}

const key = Effect.runSync(AuthKey.random)
const shown = certificate("listener")

/** A listener, and whom it has refused. */
const listener = (options: Partial<Listener.Options> = {}) =>
  Effect.gen(function*() {
    const refused: Array<ConnectionErrorReason> = []
    const made = yield* Listener.make({
      address: Address.tcp(0),
      authKey: key,
      tls: shown,
      onRefused: ({ reason }) => Effect.sync(() => void refused.push(reason)),
      ...options
    })
    return { ...made, refused, refusal: Effect.map(waitUntil(() => refused.length > 0), () => refused[0]!) }
  })

const connect = (address: Address.Address, options: Partial<Connection.ConnectOptions> = {}) =>
  Connection.connect(address, { authKey: key, tls: { ca }, ...options })

/** Both ends. */
const connected = (options?: { readonly listen?: Partial<Listener.Options>; readonly dial?: Connection.TlsOptions }) =>
  Effect.gen(function*() {
    const { accept, address } = yield* listener(options?.listen)
    const accepting = yield* Effect.forkScoped(accept)
    const here = yield* connect(address, options?.dial === undefined ? {} : { tls: options.dial })
    return [here, yield* Fiber.join(accepting)] as const
  })

const reasonOf = <A, R>(effect: Effect.Effect<A, ConnectionError, R>) =>
  Effect.map(Effect.flip(effect), ({ reason }) => reason)

/** A socket that speaks neither TLS nor our frames. */
const socketTo = (address: Address.Address) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const socket = Net.connect({ port: (address as typeof Address.Tcp.Type).port, host: "127.0.0.1" })
      return socket.on("error", () => {})
    }),
    (socket) => Effect.sync(() => socket.destroy())
  )

const live = <A, E>(name: string, test: Effect.Effect<A, E, Scope.Scope>) => it.live(name, () => Effect.scoped(test))

describe("who comes in", () => {
  live(
    "the right listener and the right key, both ways",
    Effect.gen(function*() {
      const [here, there] = yield* connected()
      yield* here.send(Schema.String, "hello")
      assert.strictEqual(yield* there.receive(Schema.String), "hello")
      yield* there.send(Schema.Int, 1)
      assert.strictEqual(yield* here.receive(Schema.Int), 1)
    })
  )

  live(
    "by a name of its certificate, and by one that is said to be expected",
    Effect.gen(function*() {
      const { address } = yield* listener()
      const { port } = address as typeof Address.Tcp.Type
      yield* connect(Address.tcp(port, "localhost"))
      const misnamed = yield* listener({ tls: certificate("misnamed") })
      yield* connect(misnamed.address, { tls: { ca, servername: "example.org" } })
    })
  )

  live(
    "a client with a certificate of the authority that the listener asks for",
    Effect.gen(function*() {
      const [here, there] = yield* connected({
        listen: { tls: { ...shown, ca, requestCert: true } },
        dial: { ca, ...certificate("client") }
      })
      yield* here.sendBytes(Uint8Array.of(1))
      assert.deepStrictEqual(yield* there.receiveBytes(), Uint8Array.of(1))
    })
  )

  live(
    "many at a time",
    Effect.gen(function*() {
      const { accept, address } = yield* listener()
      const numbers = Array.from({ length: 20 }, (_, i) => i)
      const heard = yield* Effect.forkScoped(
        Effect.forEach(
          numbers,
          () => Effect.flatMap(accept, (connection) => connection.receive(Schema.Int)),
          { concurrency: "unbounded" }
        )
      )
      yield* Effect.forEach(
        numbers,
        (i) => Effect.flatMap(connect(address), (connection) => connection.send(Schema.Int, i)),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual((yield* Fiber.join(heard)).toSorted((a, b) => a - b), numbers)
    })
  )

  live(
    "from another machine's address, without `insecure`",
    Effect.gen(function*() {
      const { address } = yield* listener({ address: Address.tcp(0, "0.0.0.0"), authKey: "none" })
      const own = Object.values(networkInterfaces()).flat().find((net) => net?.family === "IPv4" && !net.internal)
      if (own === undefined) return
      const { port } = address as typeof Address.Tcp.Type
      yield* connect(Address.tcp(port, own.address), { authKey: "none", tls: { ca, servername: "localhost" } })
    })
  )
})

describe("services at an address", () => {
  live(
    "are served over TLS, to who has a certificate and the key",
    Effect.gen(function*() {
      const { address } = yield* RemoteServer.make({
        address: Address.tcp(0),
        authKey: key,
        services: [Greeter],
        tls: { ...shown, ca, requestCert: true }
      })
      const options = { address, authKey: key, services: [Greeter] } as const
      const greeted = Effect.flatMap(Greeter, ({ greet }) => greet({ name: "ann" }))
      const known = RemoteClient.layer({ ...options, tls: { ca, ...certificate("client") } })
      assert.strictEqual(yield* Effect.provide(greeted, known), "hello ann")
      const unknown = RemoteClient.layer({ ...options, tls: { ca, ...certificate("unknown") } })
      assert.strictEqual((yield* Effect.flip(Effect.provide(greeted, unknown))).reason._tag, "TlsFailed")
    }).pipe(Effect.provide(Greeter.toLayer({ greet: ({ name }) => Effect.succeed(`hello ${name}`) })))
  )
})

describe("who does not", () => {
  const untrusted: Record<string, readonly [Listener.TlsOptions, Connection.TlsOptions, string]> = {
    "a listener of an unknown authority": [certificate("unknown"), { ca }, "UNABLE_TO_VERIFY_LEAF_SIGNATURE"],
    "a listener, where no authority is named": [shown, {}, "UNABLE_TO_VERIFY_LEAF_SIGNATURE"],
    "a listener of another name": [certificate("misnamed"), { ca }, "ERR_TLS_CERT_ALTNAME_INVALID"],
    "a listener that is not the expected one": [
      shown,
      { ca, servername: "example.org" },
      "ERR_TLS_CERT_ALTNAME_INVALID"
    ],
    "a listener whose certificate has expired": [certificate("expired"), { ca }, "CERT_HAS_EXPIRED"]
  }
  for (const [name, [tls, dial, code]] of Object.entries(untrusted)) {
    live(
      name,
      Effect.gen(function*() {
        const { address, refusal } = yield* listener({ tls })
        assert.deepInclude(yield* reasonOf(connect(address, { tls: dial })), {
          _tag: "TlsFailed",
          peer: Address.format(address),
          code
        })
        // The listener learns no more than that it is over.
        assert.deepInclude(yield* refusal, { _tag: "TlsFailed", code: "ECONNRESET" })
      })
    )
  }

  const clients: Record<string, readonly [Connection.TlsOptions, here: RegExp, there: RegExp]> = {
    "a client without a certificate": [
      { ca },
      /^ERR_SSL_.*CERTIFICATE_REQUIRED|^ECONNRESET$/,
      /^ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE$/
    ],
    "a client of an unknown authority": [
      { ca, ...certificate("unknown") },
      /^ECONNRESET$/,
      /^UNABLE_TO_VERIFY_LEAF_SIGNATURE$/
    ],
    "a client whose certificate has expired": [
      { ca, ...certificate("expired") },
      /^ECONNRESET$/,
      /^CERT_HAS_EXPIRED$/
    ]
  }
  for (const [name, [tls, here, there]] of Object.entries(clients)) {
    live(
      name,
      Effect.gen(function*() {
        const { address, refusal } = yield* listener({ tls: { ...shown, ca, requestCert: true } })
        const reason = yield* reasonOf(connect(address, { tls }))
        if (reason._tag !== "TlsFailed") return assert.fail(`${reason._tag}: ${reason.message}`)
        assert.match(reason.code, here)
        const refused = yield* refusal
        if (refused._tag !== "TlsFailed") return assert.fail(`${refused._tag}: ${refused.message}`)
        assert.match(refused.code, there)
      })
    )
  }

  live(
    "a peer with another key, which TLS does not replace",
    Effect.gen(function*() {
      const { address, refusal } = yield* listener()
      const other = yield* AuthKey.random
      assert.deepInclude(yield* reasonOf(connect(address, { authKey: other })), {
        _tag: "AuthenticationFailed",
        refusedBy: "peer"
      })
      assert.deepInclude(yield* refusal, { _tag: "AuthenticationFailed", refusedBy: "us" })
    })
  )

  live(
    "one who speaks an older version",
    Effect.gen(function*() {
      const { address } = yield* listener({ tls: { ...shown, minVersion: "TLSv1.3" } })
      const spoken = yield* Effect.callback<string | undefined>((resume) => {
        const { port } = address as typeof Address.Tcp.Type
        const socket = Tls.connect({ port, host: "127.0.0.1", ca, maxVersion: "TLSv1.2" })
        socket.once("error", ({ code }: NodeJS.ErrnoException) => resume(Effect.succeed(code)))
        socket.once("secureConnect", () => resume(Effect.succeed("spoken")))
        return Effect.sync(() => socket.destroy())
      })
      assert.strictEqual(spoken, "ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION")
    })
  )

  live(
    "a client that does not speak TLS, and a listener that does not",
    Effect.gen(function*() {
      const secure = yield* listener()
      const plain = yield* listener({ tls: undefined })
      const socket = yield* socketTo(secure.address)
      socket.write("what is this?")
      assert.deepInclude(yield* secure.refusal, { _tag: "TlsFailed", code: "ERR_SSL_WRONG_VERSION_NUMBER" })
      const reason = yield* reasonOf(connect(plain.address))
      assert.strictEqual(reason._tag, "TlsFailed")
      // Both wait for the other's first word.
      const waiting = yield* reasonOf(connect(secure.address, { tls: undefined, timeout: 300 }))
      assert.deepInclude(waiting, { _tag: "HandshakeTimeout", timeout: 300 })
    })
  )

  live(
    "one who is silent in TLS, or leaves",
    Effect.gen(function*() {
      const { address, refused } = yield* listener({ timeout: 200 })
      const silent = yield* socketTo(address)
      const closed = Effect.callback<void>((resume) => void silent.once("close", () => resume(Effect.void)))
      silent.resume()
      yield* closed
      assert.deepInclude(refused[0], { _tag: "HandshakeTimeout", timeout: 200 })
      const leaving = yield* socketTo(address)
      leaving.end()
      yield* waitUntil(() => refused.length === 2)
      assert.deepInclude(refused[1], { _tag: "TlsFailed", code: "ECONNRESET" })
    })
  )

  live(
    "a listener that is silent in TLS",
    Effect.gen(function*() {
      const server = yield* Effect.acquireRelease(
        Effect.callback<Net.Server>((resume) => {
          const server = Net.createServer((socket) => socket.on("error", () => {}).resume())
          server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
        }),
        (server) => Effect.callback<void>((resume) => void server.close(() => resume(Effect.void)))
      )
      const { port } = server.address() as Net.AddressInfo
      assert.deepInclude(yield* reasonOf(connect(Address.tcp(port), { timeout: 200 })), { _tag: "HandshakeTimeout" })
    })
  )

  live(
    "the oldest of too many in their handshake",
    Effect.gen(function*() {
      const { address, refused } = yield* listener({ pending: 2 })
      const sockets = yield* Effect.forEach([1, 2, 3], () => socketTo(address))
      yield* waitUntil(() => refused.length > 0)
      yield* waitUntil(() => sockets.filter((socket) => socket.resume().closed).length === 1)
      // Who has a certificate and the key still comes in.
      yield* connect(address)
    })
  )
})

describe("what cannot be", () => {
  live(
    "is known before anything is there",
    Effect.gen(function*() {
      const refusals = {
        "TLS over a Unix domain socket": yield* reasonOf(Listener.make({ authKey: key, tls: shown })),
        "... of a client": yield* reasonOf(Connection.connect("unix:/tmp/x", { authKey: key, tls: {} })),
        "... and an abstract one": yield* reasonOf(Connection.connect("abstract:x", { authKey: key, tls: {} }))
      }
      for (const [name, reason] of Object.entries(refusals)) assert.strictEqual(reason._tag, "InvalidAddress", name)
      const { cert } = certificate("client")
      const flawed: Record<string, Listener.TlsOptions> = {
        "no certificate": { key: shown.key },
        "no PEM": { cert: "x", key: "y" },
        "a certificate without its key": { cert },
        "another's key": { cert, key: shown.key }
      }
      for (const [name, tls] of Object.entries(flawed)) {
        const reason = yield* reasonOf(listener({ tls }))
        assert.strictEqual(reason._tag, "TlsFailed", `${name}: ${reason.message}`)
      }
      const { address } = yield* listener()
      assert.strictEqual((yield* reasonOf(connect(address, { tls: { ca: "x", cert: "y" } })))._tag, "TlsFailed")
      assert.strictEqual((yield* reasonOf(connect(Address.tcp(1))))._tag, "ConnectFailed")
      assert.strictEqual(
        (yield* reasonOf(Connection.connect("192.0.2.1:1", { authKey: key })))._tag,
        "InsecureAddress"
      )
    })
  )
})

describe("messages over TLS", () => {
  for (const size of [0, 1, 1 << 20, 16 << 20]) {
    live(
      `of ${size} bytes, each way`,
      Effect.gen(function*() {
        const [here, there] = yield* connected()
        const bytes = new Uint8Array(size).map((_, i) => i * 7)
        for (const [from, to] of [[here, there], [there, here]] as const) {
          const sending = yield* Effect.forkScoped(from.sendBytes(bytes))
          const received = yield* to.receiveBytes()
          assert.strictEqual(Buffer.compare(received, bytes), 0)
          yield* Fiber.join(sending)
        }
      })
    )
  }

  live(
    "a sender waits for a receiver that does not read",
    Effect.gen(function*() {
      const [here, there] = yield* connected()
      const message = new Uint8Array(64 << 10)
      const total = 512
      let sent = 0
      const sending = yield* Effect.forkScoped(
        Effect.repeat(Effect.tap(here.sendBytes(message), () => Effect.sync(() => sent++)), { times: total - 1 })
      )
      // It has come to a stand when it did not move while the event loop turned many times.
      let before = -1
      while (before !== sent) {
        before = sent
        yield* Effect.repeat(Effect.promise(() => new Promise(setImmediate)), { times: 2000 })
      }
      assert.isBelow(sent, total)
      for (let i = 0; i < total; i++) assert.strictEqual((yield* there.receiveBytes()).length, message.length)
      yield* Fiber.join(sending)
      assert.strictEqual(sent, total)
    })
  )

  live(
    "the end, after all that was sent",
    Effect.gen(function*() {
      const [here, there] = yield* connected()
      const bytes = new Uint8Array(1 << 20)
      yield* Effect.forkScoped(Effect.andThen(here.sendBytes(bytes), here.close))
      assert.strictEqual((yield* there.receiveBytes()).length, bytes.length)
      assert.strictEqual((yield* reasonOf(there.receiveBytes()))._tag, "EndOfStream")
      assert.strictEqual((yield* reasonOf(here.sendBytes(bytes)))._tag, "ConnectionClosed")
    })
  )

  live(
    "what was sent just before the end arrives, also without a key",
    Effect.gen(function*() {
      const { accept, address } = yield* listener({ authKey: "none" })
      for (let i = 0; i < 10; i++) {
        const sent = Effect.scoped(
          Effect.flatMap(connect(address, { authKey: "none" }), (connection) => connection.send(Schema.Int, i))
        )
        yield* Effect.forkScoped(sent)
        const connection = yield* accept
        assert.strictEqual(yield* connection.receive(Schema.Int), i)
        assert.strictEqual((yield* reasonOf(connection.receiveBytes()))._tag, "EndOfStream")
      }
    })
  )

  live(
    "an end in the middle of a message is none",
    Effect.gen(function*() {
      const { accept, address } = yield* listener({ authKey: "none" })
      const { port } = address as typeof Address.Tcp.Type
      const socket = Tls.connect({ port, host: "127.0.0.1", ca })
      socket.on("error", () => {}).end(Buffer.from([0, 0, 0, 9, 1, 2]))
      const connection = yield* accept
      assert.deepInclude(yield* reasonOf(connection.receiveBytes()), { _tag: "Truncated", received: 6, expected: 13 })
    })
  )
})
