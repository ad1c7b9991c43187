/** A manager of CPython, driven by messages in XML-RPC: what is between processes that share no language but frames. */
import { assert, describe, it } from "@effect/vitest"
import * as Address from "effect-multiprocessing/Address"
import * as Authentication from "effect-multiprocessing/Authentication"
import * as Connection from "effect-multiprocessing/Connection"
import type { ConnectionError } from "effect-multiprocessing/ConnectionError"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { authKey, keyOf, tagOf } from "../support/connections.ts"
import { fixture, type Python, pythons, talk } from "../support/pythons.ts"
import * as XmlRpc from "../support/xmlRpc.ts"

const hex = Buffer.from("a key of these tests").toString("hex")

/** What the manager answers: `#RETURN` and the value, or why there is none. */
type Answer = readonly [kind: string, value: XmlRpc.Value]

const ask = (connection: Connection.Connection, request: XmlRpc.Value): Effect.Effect<Answer, ConnectionError> =>
  Effect.andThen(
    connection.sendBytes(XmlRpc.encode(request)),
    Effect.map(connection.receiveBytes(), (bytes) => XmlRpc.decode(bytes) as unknown as Answer)
  )

/** A client of one manager; each request has a connection of its own, as CPython's have. */
const clientOf = (address: Address.Address, isOld: boolean) => {
  const connect = Connection.connect(address, { authKey, policy: isOld ? Authentication.legacy : undefined })
  const request = (name: string, ...args: ReadonlyArray<XmlRpc.Value>) =>
    Effect.scoped(Effect.flatMap(connect, (connection) => ask(connection, [null, name, args, {}])))
  return {
    request,
    /** a connection for calls of objects */
    session: Effect.gen(function*() {
      const connection = yield* connect
      assert.deepStrictEqual(yield* ask(connection, [null, "accept_connection", ["an Effect program"], {}]), [
        "#RETURN",
        null
      ])
      return (id: string, method: string, ...args: ReadonlyArray<XmlRpc.Value>) =>
        ask(connection, [id, method, args, {}])
    })
  }
}

const manager = (python: Python) =>
  Effect.gen(function*() {
    const program = yield* talk(python.path, [fixture("manager.py"), hex])
    const [host, port] = JSON.parse(yield* program.line) as [string, number]
    return { ...program, address: Address.tcp(port, host) }
  })

const found = pythons("a manager of CPython")

const live = <E>(name: string, test: Effect.Effect<void, E, Scope.Scope>) => it.live(name, () => Effect.scoped(test))

describe("a manager of CPython", () => {
  if (found.length === 0) it("NOT RUN, there is no python3", () => {})

  for (const python of found) {
    live(
      `${python.version}: creates, counts references, calls, and ends`,
      Effect.gen(function*() {
        const { address, end } = yield* manager(python)
        const { request, session } = clientOf(address, python.isOld)
        const value = (answer: Answer) => {
          assert.strictEqual(answer[0], "#RETURN", JSON.stringify(answer))
          return answer[1]
        }
        assert.isNull(value(yield* request("dummy")))
        assert.strictEqual(value(yield* request("number_of_objects")), 0)
        const [id, exposed] = value(yield* request("create", "Counter", 40)) as [string, ReadonlyArray<string>]
        assert.includeMembers([...exposed], ["add", "fail", "texts"])
        assert.strictEqual(value(yield* request("number_of_objects")), 1)
        value(yield* request("incref", id))
        value(yield* request("decref", id))

        yield* Effect.scoped(Effect.gen(function*() {
          const call = yield* session
          assert.strictEqual(value(yield* call(id, "add")), 41)
          assert.strictEqual(value(yield* call(id, "add", -1)), 40)
          assert.deepStrictEqual(value(yield* call(id, "texts", ["größer & <kleiner>", 1, null, true])), [
            "größer & <kleiner>",
            "1",
            "None",
            "True"
          ])
          assert.strictEqual((yield* call(id, "fail"))[0], "#ERROR")
          const [kind, trace] = yield* call(id, "_private")
          assert.notStrictEqual(kind, "#RETURN")
          assert.isString(trace)
          assert.strictEqual(value(yield* call(id, "add", 1)), 41, "it goes on")

          // one more session shares the object
          const other = yield* session
          assert.strictEqual(value(yield* other(id, "add", 1)), 42)
        }))

        value(yield* request("decref", id))
        assert.strictEqual(value(yield* request("number_of_objects")), 0)
        const wrong = Connection.connect(address, { authKey: keyOf("wrong"), policy: Authentication.legacy })
        assert.strictEqual(yield* tagOf(Effect.scoped(wrong)), "AuthenticationFailed")
        assert.isNull(value(yield* request("shutdown")))
        assert.strictEqual(yield* end, 0)
      })
    )
  }
})
