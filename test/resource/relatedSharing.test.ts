/** Sockets between processes of one family, by handles of Node.js alone. */
import { assert, describe } from "@effect/vitest"
import * as Native from "effect-multiprocessing/Native"
import * as Process from "effect-multiprocessing/Process"
import * as ProcessLayer from "effect-multiprocessing/ProcessLayer"
import * as Reduction from "effect-multiprocessing/Reduction"
import * as ResourceSharer from "effect-multiprocessing/ResourceSharer"
import { waitUntil } from "effect-multiprocessing/testing"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import { once } from "node:events"
import * as Fs from "node:fs"
import type * as Net from "node:net"
import { Household } from "../fixtures/resource/household.ts"
import {
  byDescriptors,
  byHandles,
  descriptors,
  deskOf,
  issueOf,
  listener,
  listenerAt,
  testWith,
  textOf
} from "../support/passing.ts"
import { folder, rounds } from "../support/spawned.ts"

const test = testWith(byHandles)
const desk = deskOf(byHandles)

const household = Effect.map(
  Layer.build(
    Layer.fresh(
      ProcessLayer.make({
        module: new URL("../fixtures/resource/household.live.ts", import.meta.url),
        services: [Household]
      })
    )
  ),
  (context) => Context.get(context, Household)
)

const pending = Effect.flatMap(ResourceSharer.ResourceSharer, ({ pending }) => pending)

const encoded = Schema.encodeEffect(Reduction.Socket)
const decoded = Schema.decodeEffect(Reduction.Socket)

/** Why a ticket is of no use here. */
const refusal = (parts: typeof Reduction.Socket.Encoded) =>
  Effect.map(Effect.flip(decoded(parts)), ({ message }) => message)

describe.runIf(byHandles.available)("a socket in a family", () => {
  test(
    "goes from one child to another, to a grandchild, and back to the root",
    Effect.gen(function*() {
      const one = yield* desk
      const { dial, echo } = yield* household
      const { connect, port, server } = yield* listener
      const connected = once(server, "connection") as Promise<[Net.Socket]>
      const socket = yield* dial({ port })
      const [accepted] = yield* Effect.promise(() => connected)
      yield* one.serve({ socket })
      accepted.end("by a grandchild's socket")
      assert.match(yield* textOf(accepted), /^\d+:by a grandchild's socket$/)
      const { accepted: given, client } = yield* connect
      const pid = yield* echo({ socket: given })
      client.end("and down again")
      assert.strictEqual(yield* textOf(client), `${pid}:and down again`)
    })
  )

  test(
    "of a Unix path goes on, and so does its server",
    Effect.gen(function*() {
      const { accept, accepted, serve } = yield* desk
      const { connect, dial, server } = yield* listenerAt({ path: `${yield* folder}/socket` })
      const { accepted: socket, client } = yield* connect
      yield* serve({ socket })
      client.end("by a Unix socket")
      assert.match(yield* textOf(client), /^\d+:by a Unix socket$/)
      server.on("connection", (socket) => socket.resume().end("root"))
      yield* accept({ server, count: 2 })
      let byChild = 0
      while (byChild < 2) if ((yield* textOf(dial())) !== "root") byChild++
      yield* accepted()
    })
  )

  test(
    "is claimed once",
    Effect.gen(function*() {
      const { connect } = yield* listener
      const { accepted, client } = yield* connect
      const parts = yield* encoded(accepted)
      assert.isTrue(accepted.destroyed)
      assert.strictEqual(yield* pending, 1)
      const socket = yield* decoded(parts)
      assert.strictEqual(yield* pending, 0)
      socket.end("here again")
      assert.strictEqual(yield* textOf(client), "here again")
      socket.resume()
      assert.include(yield* refusal(parts), "claimed before")
    })
  )

  test(
    "that nobody claims is closed in time, and at the end of the Layer",
    Effect.gen(function*() {
      const { connect } = yield* listener
      for (
        const [expiry, end] of [["50 millis", waitUntil(Effect.map(pending, (count) => count === 0))], [
          "1 minute",
          Effect.void
        ]] as const
      ) {
        const { accepted, client } = yield* connect
        yield* Effect.andThen(encoded(accepted), end).pipe(
          Effect.provide(Layer.fresh(ResourceSharer.layerRelatedWith({ expiry })))
        )
        assert.strictEqual(yield* textOf(client), "")
      }
    })
  )

  test(
    "ends when whoever sent it is killed before it is claimed",
    Effect.gen(function*() {
      const { part } = yield* household
      const { port, server } = yield* listener
      const connected = once(server, "connection") as Promise<[Net.Socket]>
      const parts = yield* part({ port })
      const [accepted] = yield* Effect.promise(() => connected)
      const [child] = yield* Process.activeChildren
      process.kill(child!.pid, "SIGKILL")
      assert.strictEqual(yield* textOf(accepted), "")
      assert.include(yield* refusal(parts), "claimed before, or not in time")
    })
  )

  test(
    "leaves nothing when its receiver is killed, at any moment",
    Effect.gen(function*() {
      const { connect } = yield* listener
      const before = descriptors()
      const clients: Array<Net.Socket> = []
      const pass = Effect.fnUntraced(function*(turns: number) {
        const { accepted, client } = yield* connect
        clients.push(client)
        const { serve } = yield* desk
        const [child] = yield* Process.activeChildren
        const call = yield* Effect.forkChild(Effect.exit(serve({ socket: accepted })))
        for (let turn = 0; turn < turns; turn++) yield* Effect.promise(() => new Promise(setImmediate))
        process.kill(child!.pid, "SIGKILL")
        yield* Fiber.join(call)
        // one that had not been sent is still ours
        accepted.destroy()
      }, Effect.scoped)
      yield* Effect.forEach(Array.from({ length: rounds(12, 100) }, (_, i) => i * rounds(7, 1)), pass).pipe(
        Effect.provide(Layer.fresh(ResourceSharer.layerRelated))
      )
      // whoever had it, nobody has it now
      for (const client of clients) yield* textOf(client)
      yield* waitUntil(() => descriptors() <= before)
    }),
    rounds(60_000, 600_000)
  )
})

describe.runIf(byHandles.available)("what does not travel by handles", () => {
  test(
    "says so: descriptors, and a process's own server to itself",
    Effect.gen(function*() {
      const { line } = yield* desk
      const file = new Reduction.Descriptor(Fs.openSync("/etc/hostname", "r"))
      assert.include(yield* issueOf(line({ file })), "without koffi only sockets and servers travel")
      file.close()
      const { claim, share } = yield* ResourceSharer.ResourceSharer
      assert.strictEqual((yield* Effect.flip(share([0]))).reason._tag, "NotShareable")
      assert.strictEqual(
        (yield* Effect.flip(claim({ root: "x", token: new Uint8Array(32) }))).reason._tag,
        "NotShareable"
      )
      const { server } = yield* listener
      const parts = yield* Schema.encodeEffect(Reduction.Server)(server)
      assert.include(
        (yield* Effect.flip(Schema.decodeEffect(Reduction.Server)(parts))).message,
        "cannot receive what it has itself"
      )
      assert.isTrue(server.listening)
    })
  )

  test(
    "is refused in another family",
    Effect.gen(function*() {
      const { connect } = yield* listener
      const { accepted, client } = yield* connect
      const { serve } = yield* desk
      assert.include(yield* issueOf(serve({ socket: accepted })), "another family")
      client.destroy()
    }).pipe(Effect.provide(Layer.fresh(ProcessLayer.spawn)))
  )

  test(
    "is refused by a server that its sender has closed before it was claimed",
    Effect.gen(function*() {
      const { accept } = yield* desk
      const { server } = yield* listener
      const call = yield* Effect.forkChild(issueOf(accept({ server, count: 1 })), { startImmediately: true })
      server.close()
      assert.include(yield* Fiber.join(call), "has closed it")
    })
  )

  test(
    "is refused where only descriptors are fetched, and the other way round",
    Effect.gen(function*() {
      if (!byDescriptors.available) return
      const { connect } = yield* listener
      const [one, two] = [yield* connect, yield* connect]
      const serveByDescriptors = (yield* deskOf(byDescriptors)).serve
      assert.include(yield* issueOf(serveByDescriptors({ socket: one.accepted })), "layerRelated")
      const parts = yield* encoded(two.accepted).pipe(
        Effect.provide(ResourceSharer.layer.pipe(Layer.provide(Native.layer)))
      )
      assert.include(yield* refusal(parts), "ResourceSharer.layer")
      one.client.destroy()
      two.client.destroy()
    })
  )
})
