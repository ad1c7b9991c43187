/** Every CPython 3 of this machine at the other end, in both roles. */
import { assert, describe, it } from "@effect/vitest"
import * as Address from "effect-multiprocessing/Address"
import * as Authentication from "effect-multiprocessing/Authentication"
import * as Connection from "effect-multiprocessing/Connection"
import type { ConnectionErrorReason } from "effect-multiprocessing/ConnectionError"
import * as Listener from "effect-multiprocessing/Listener"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { authKey, keyOf, reasonOf, tagOf } from "../support/connections.ts"
import { fixture, type Python, pythons, talk } from "../support/pythons.ts"
import { rounds } from "../support/spawned.ts"

const hex = (key: string): string => Buffer.from(key).toString("hex")
const right = hex("a key of these tests")
const wrong = hex("another key")

type Answer = Record<string, unknown>

const peer = (python: Python) =>
  Effect.map(talk(python.path, [fixture("peer.py")]), (talker) => ({
    ...talker,
    /** what it is told, and what it answers */
    ask: (told: Answer): Effect.Effect<Answer> =>
      Effect.suspend(() => {
        talker.tell(JSON.stringify(told))
        return Effect.map(talker.line, (line) => JSON.parse(line) as Answer)
      })
  }))

type Peer = Effect.Success<ReturnType<typeof peer>>

/** An address in Python's words. */
const theirs = (address: Address.Address): unknown =>
  address._tag === "Tcp" ? [address.host, address.port] : address._tag === "Unix" ? address.path : undefined

/** and back */
const ours = (address: unknown): Address.Address =>
  Array.isArray(address) ? Address.tcp(address[1] as number, address[0] as string) : Address.unix(address as string)

/** Everything comes back as it was. */
const echoes = (python: Peer, connection: Connection.Connection, lengths: ReadonlyArray<number>, many: number) =>
  Effect.gen(function*() {
    const echo = yield* Effect.forkChild(python.ask({ do: "echo" }))
    for (const [i, length] of lengths.entries()) {
      const bytes = Buffer.alloc(length, i + 1)
      const sends = yield* Effect.forkChild(connection.sendBytes(bytes))
      assert.strictEqual(Buffer.compare(yield* connection.receiveBytes(), bytes), 0)
      yield* Fiber.join(sends)
    }
    const sends = yield* Effect.forkChild(Effect.gen(function*() {
      for (let n = 0; n < many; n++) yield* connection.sendBytes(Buffer.from(String(n)))
    }))
    for (let n = 0; n < many; n++) assert.strictEqual(String(Buffer.from(yield* connection.receiveBytes())), String(n))
    yield* Fiber.join(sends)
    return { echo, count: lengths.length + many }
  })

const refused = (error: string, text: RegExp) => (answer: Answer) => {
  assert.strictEqual(answer.error, error, JSON.stringify(answer))
  assert.match(String(answer.text), text)
}

/** A listener, and who was refused there. */
const listen = (options: Partial<Listener.Options>) =>
  Effect.gen(function*() {
    const reasons: Array<ConnectionErrorReason> = []
    const listener = yield* Listener.make({
      authKey,
      onRefused: ({ reason }) => Effect.sync(() => reasons.push(reason)),
      ...options
    })
    return { listener, reasons }
  })

const live = <E>(name: string, test: Effect.Effect<void, E, Scope.Scope>) => it.live(name, () => Effect.scoped(test))

const lengths = [0, 1, 16_384, 16_385, 70_000]
const big = 16 << 20

const found = pythons("connections with CPython")

describe("CPython at the other end", () => {
  if (found.length === 0) it("NOT RUN, there is no python3", () => {})

  for (const python of found) {
    const { isOld, version } = python
    const policy = isOld ? Authentication.legacy : undefined

    describe(version, () => {
      live(
        "connects to our listener: messages of all lengths to and fro, and the end",
        Effect.gen(function*() {
          const client = yield* peer(python)
          for (const address of [undefined, "127.0.0.1:0"]) {
            const { listener } = yield* listen({ address, policy })
            const connects = yield* Effect.forkChild(
              client.ask({ do: "connect", address: theirs(listener.address), key: right })
            )
            const connection = yield* listener.accept
            assert.deepStrictEqual(yield* Fiber.join(connects), {})
            const { count, echo } = yield* echoes(
              client,
              connection,
              address === undefined ? lengths : [...lengths, big],
              rounds(address === undefined ? 10_000 : 100, 10_000)
            )
            yield* connection.close
            assert.deepStrictEqual(yield* Fiber.join(echo), { count, end: "EOFError" })
          }
        })
      )

      live(
        "listens, and we connect: messages of all lengths to and fro, and the end; values as JSON",
        Effect.gen(function*() {
          const server = yield* peer(python)
          for (const [family, address] of [["AF_UNIX", null], ["AF_INET", ["127.0.0.1", 0]]] as const) {
            const { address: bound } = yield* server.ask({ do: "listen", family, address, key: right })
            const accepts = yield* Effect.forkChild(server.ask({ do: "accept" }))
            const connection = yield* Connection.connect(ours(bound), { authKey, policy })
            assert.deepStrictEqual(yield* Fiber.join(accepts), {})
            const { count, echo } = yield* echoes(
              server,
              connection,
              address === null ? [...lengths, big] : lengths,
              rounds(address === null ? 100 : 1_000, 10_000)
            )
            yield* connection.sendBytes(Buffer.from("enough"))
            assert.deepStrictEqual(yield* Fiber.join(echo), { count, end: "enough" })
            const Value = Schema.Struct({ text: Schema.String, list: Schema.Array(Schema.Finite), when: Schema.Date })
            const value = { text: "größer \u{1f600}", list: [1, 0.1], when: new Date(1e12) }
            const jsons = yield* Effect.forkChild(server.ask({ do: "json" }))
            yield* connection.send(Value, value, { format: "json" })
            assert.deepStrictEqual(yield* connection.receive(Value, { format: "json" }), value)
            yield* Fiber.join(jsons)
            assert.deepStrictEqual(yield* server.ask({ do: "close" }), {})
            assert.strictEqual(yield* tagOf(connection.receiveBytes()), "EndOfStream")
            yield* server.ask({ do: "close listener" })
          }
        })
      )

      live(
        "with another key, without one, or with a digest that is not accepted: both sides say so",
        Effect.gen(function*() {
          const python3 = yield* peer(python)
          const open = { do: "listen", family: "AF_INET", address: ["127.0.0.1", 0] }

          // it connects
          const { listener, reasons } = yield* listen({ policy })
          const knocks = { do: "connect", address: theirs(listener.address) }
          refused("AuthenticationError", /rejected/)(yield* python3.ask({ ...knocks, key: wrong }))
          assert.deepInclude(reasons.pop(), { _tag: "AuthenticationFailed", refusedBy: "us" })
          const strict = yield* listen(isOld ? {} : { policy: { accept: ["sha384"] } })
          const digest = isOld ? "legacy" : "sha256"
          refused("AuthenticationError", /rejected/)(
            yield* python3.ask({ ...knocks, address: theirs(strict.listener.address), key: right })
          )
          assert.deepInclude(strict.reasons.pop(), { _tag: "DigestRefused", digest })
          // each listener still lives
          const accepts = yield* Effect.forkChild(listener.accept)
          assert.deepStrictEqual(yield* python3.ask({ ...knocks, key: right }), {})
          yield* Effect.flatMap(Fiber.join(accepts), ({ close }) => close)
          assert.lengthOf(reasons, 0)

          // it listens
          const knock = (options: Connection.ConnectOptions, address: unknown) =>
            Effect.gen(function*() {
              const accepts = yield* Effect.forkChild(python3.ask({ do: "accept" }))
              const result = yield* Effect.result(Effect.scoped(Connection.connect(ours(address), options)))
              return {
                reason: result._tag === "Failure" ? result.failure.reason : undefined,
                theirs: yield* Fiber.join(accepts)
              }
            })
          const { address } = yield* python3.ask({ ...open, key: right })
          const stranger = yield* knock({ authKey: keyOf("another key"), policy }, address)
          assert.deepInclude(stranger.reason, { _tag: "AuthenticationFailed", refusedBy: "peer" })
          refused("AuthenticationError", /wrong/)(stranger.theirs)
          const weak = yield* knock({ authKey, policy: isOld ? {} : { accept: ["sha384"] } }, address)
          assert.deepInclude(weak.reason, { _tag: "DigestRefused", digest })
          // a Python of before names of digests takes our refusal for a wrong answer, others for one without a name
          assert.include(["AuthenticationError", "AssertionError"], weak.theirs.error)
          const other = yield* knock({ authKey, policy: isOld ? policy : { challenge: "sha3_384" } }, address)
          assert.deepStrictEqual(other, { reason: undefined, theirs: {} })
          yield* python3.ask({ do: "close listener" })
        })
      )

      live(
        "without keys on both sides",
        Effect.gen(function*() {
          const python3 = yield* peer(python)
          const { listener } = yield* listen({ authKey: "none" })
          const connects = yield* Effect.forkChild(
            python3.ask({ do: "connect", address: theirs(listener.address), key: null })
          )
          const accepted = yield* listener.accept
          yield* Fiber.join(connects)
          const first = yield* echoes(python3, accepted, [0, 1, 20_000], 10)
          yield* accepted.close
          yield* Fiber.join(first.echo)
          const { address } = yield* python3.ask({ do: "listen", family: "AF_UNIX", address: null, key: null })
          const connection = yield* Connection.connect(ours(address), { authKey: "none" })
          yield* python3.ask({ do: "accept" })
          const second = yield* echoes(python3, connection, [0, 1, 20_000], 10)
          yield* connection.close
          assert.deepStrictEqual(yield* Fiber.join(second.echo), { count: second.count, end: "EOFError" })
          yield* python3.ask({ do: "close listener" })
        })
      )

      live(
        "killed in the middle of a message, or we are",
        Effect.gen(function*() {
          const client = yield* peer(python)
          const { listener } = yield* listen({ policy })
          const accepts = yield* Effect.forkChild(listener.accept)
          yield* client.ask({ do: "connect", address: theirs(listener.address), key: right })
          const connection = yield* Fiber.join(accepts)
          client.tell(JSON.stringify({ do: "die in a message" }))
          const reason = yield* reasonOf(connection.receiveBytes())
          assert.deepInclude(reason, { _tag: "Truncated", received: 1_004, expected: 1_000_004 })
          assert.strictEqual(yield* client.end, "SIGKILL")

          if (isOld) return
          const server = yield* peer(python)
          const { address } = yield* server.ask({
            do: "listen",
            family: "AF_INET",
            address: ["127.0.0.1", 0],
            key: right
          })
          const sender = yield* talk(process.execPath, [fixture("sender.ts"), Address.format(ours(address)), right])
          yield* server.ask({ do: "accept" })
          assert.strictEqual(yield* sender.line, "connected")
          const receives = yield* Effect.forkChild(server.ask({ do: "receive" }))
          sender.kill()
          yield* sender.end
          const seen = yield* Fiber.join(receives)
          assert.include(["EOFError", "OSError", "ConnectionResetError"], seen.error)
        })
      )
    })
  }
})
