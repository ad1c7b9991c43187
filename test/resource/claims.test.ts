/** What passes between a process that promises descriptors and one that claims them, whoever either is. */
import { assert, describe, it } from "@effect/vitest"
import { Native } from "effect-multiprocessing/Native"
import * as NativeLayer from "effect-multiprocessing/Native"
import * as Process from "effect-multiprocessing/Process"
import * as ProcessLayer from "effect-multiprocessing/ProcessLayer"
import * as ResourceSharer from "effect-multiprocessing/ResourceSharer"
import type { Spawner } from "effect-multiprocessing/Spawner"
import { waitUntil } from "effect-multiprocessing/testing"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { randomBytes } from "node:crypto"
import * as Fs from "node:fs"
import * as Address from "../../src/connection/Address.ts"
import { frame, knock } from "../support/connections.ts"
import { claimOf, grantOf, holder, refusal, watched } from "../support/holders.ts"
import { byDescriptors, descriptors, deskOf } from "../support/passing.ts"

type Services = ResourceSharer.ResourceSharer | Native | Spawner | Scope.Scope

const live = <E>(name: string, effect: Effect.Effect<unknown, E, Services>, timeout?: number) => {
  const layer = Layer.mergeAll(
    Layer.provideMerge(ResourceSharer.layer, NativeLayer.layer),
    ProcessLayer.spawn
  )
  it.live(name, () => effect.pipe(Effect.scoped, Effect.provide(layer)), timeout)
}

/** A promise of this process's, of something that tells whether anybody has it. */
const promised = Effect.gen(function*() {
  const { share } = yield* ResourceSharer.ResourceSharer
  const { close, descriptor, isHeld } = yield* watched()
  const ticket = yield* share([descriptor])
  close()
  assert("path" in ticket)
  return { ticket, isHeld }
})

const claim = (ticket: ResourceSharer.Ticket) =>
  Effect.flatMap(ResourceSharer.ResourceSharer, ({ claim }) => claim(ticket))

const closeAll = (fds: ReadonlyArray<number>) => fds.forEach((fd) => Fs.closeSync(fd))

/** It can be fetched, and then is nobody's. */
const fetched = Effect.fnUntraced(function*({ isHeld, ticket }: Effect.Success<typeof promised>) {
  const fds = yield* claim(ticket)
  assert.strictEqual(fds.length, 1)
  assert.isTrue(isHeld())
  closeAll(fds)
  yield* waitUntil(() => !isHeld())
})

/** Why it is refused. */
const refused = (ticket: ResourceSharer.Ticket) =>
  Effect.map(Effect.flip(claim(ticket)), ({ reason }) => {
    assert.strictEqual(reason._tag, "TicketRefused", reason.message)
    return reason.message
  })

const flat = (before: number) => waitUntil(() => descriptors() <= before)

describe.runIf(byDescriptors.available)("a holder", () => {
  live(
    "tells strangers nothing: what is not there, and what they have not the token of, is refused alike",
    Effect.gen(function*() {
      const mine = yield* promised
      const { ticket: { path, token } } = mine
      const before = descriptors()
      const wrong = claimOf({ path, token })
      wrong[wrong.length - 1]! ^= 1
      for (const said of [wrong, claimOf({ path, token: randomBytes(32) })]) {
        const stranger = yield* knock(Address.unix(path))
        yield* stranger.write(said)
        yield* stranger.end
        assert.deepStrictEqual(stranger.received, refusal)
        stranger.socket.destroy()
      }
      for (const said of [frame(Buffer.alloc(63)), frame(""), Buffer.from("GET / HTTP/1.1\r\n\r\n")]) {
        const stranger = yield* knock(Address.unix(path))
        yield* stranger.write(said)
        yield* stranger.end
        assert.notInclude(stranger.received.toString("latin1"), grantOf(mine.ticket).toString("latin1"))
        stranger.socket.destroy()
      }
      const half = yield* knock(Address.unix(path))
      yield* half.write(claimOf(mine.ticket).subarray(0, 67))
      yield* fetched(mine)
      half.socket.destroy()
      yield* flat(before)
    })
  )

  live(
    "gives way to who has a token in a flood of those who say nothing",
    Effect.gen(function*() {
      const mine = yield* promised
      const before = descriptors()
      yield* Effect.scoped(Effect.gen(function*() {
        const flood = yield* Effect.forEach(Array.from({ length: 300 }), () => knock(Address.unix(mine.ticket.path)))
        yield* waitUntil(() => flood.filter(({ ended }) => ended).length >= 44)
        yield* fetched(mine)
      }))
      yield* flat(before)
    })
  )

  live(
    "keeps 256 connections for further claims, those that were used last",
    Effect.gen(function*() {
      const path = (yield* promised).ticket.path
      const come = Effect.gen(function*() {
        const { ticket } = yield* promised
        const customer = yield* knock(Address.unix(path))
        yield* customer.write(claimOf(ticket))
        yield* customer.take(36)
        return customer
      })
      const first = yield* come
      const others = yield* Effect.forEach(Array.from({ length: 256 }), () => come)
      yield* first.end
      assert.isTrue(others.every(({ ended }) => !ended))
    }),
    30_000
  )

  live(
    "serves a claim once, however often it is said",
    Effect.gen(function*() {
      const mine = yield* promised
      const { system: { sockets } } = yield* Native
      yield* fetched(mine)
      const again = yield* knock(Address.unix(mine.ticket.path))
      yield* again.write(claimOf(mine.ticket))
      yield* again.end
      assert.deepStrictEqual(again.received, refusal)
      // Over a connection that is kept as well, several at once, which are answered in their order.
      const [one, two] = [yield* promised, yield* promised]
      const connection = sockets.connect(one.ticket.path)!
      sockets.send(connection, Buffer.concat([one, one, two].map(({ ticket }) => claimOf(ticket))), [])
      const heard: Array<string> = []
      yield* waitUntil(() => {
        const received = sockets.receive(connection, 36, 253)
        if (received === undefined) return false
        heard.push(Buffer.from(received.bytes).toString("hex"))
        closeAll(received.descriptors)
        return heard.length === 3
      })
      assert.deepStrictEqual(heard, [grantOf(one.ticket), refusal, grantOf(two.ticket)].map((b) => b.toString("hex")))
      Fs.closeSync(connection)
    })
  )

  live(
    "has nothing left of what was claimed by somebody who is gone before it is read",
    Effect.gen(function*() {
      const { pending } = yield* ResourceSharer.ResourceSharer
      const { system: { sockets } } = yield* Native
      yield* fetched(yield* promised)
      const mine = yield* promised
      const before = descriptors()
      const connection = sockets.connect(mine.ticket.path)!
      sockets.send(connection, claimOf(mine.ticket), [])
      yield* waitUntil(Effect.map(pending, (count) => count === 0))
      assert.isTrue(mine.isHeld())
      Fs.closeSync(connection)
      yield* waitUntil(() => !mine.isHeld())
      yield* flat(before)
    })
  )

  live(
    "that is killed takes with it what was not fetched, and says nothing else",
    Effect.gen(function*() {
      const desk = yield* deskOf(byDescriptors)
      const path = "/etc/hostname"
      const [first, second] = [yield* desk.promise({ path }), yield* desk.promise({ path })]
      closeAll(yield* claim(first))
      const before = descriptors()
      const [child] = yield* Process.activeChildren
      process.kill(child!.pid, "SIGKILL")
      yield* waitUntil(
        Effect.map(Process.activeChildren, (children) => children.every(({ pid }) => pid !== child!.pid))
      )
      assert.match(yield* refused(second), /ENOENT|ECONNREFUSED|holder is gone/)
      yield* flat(before)
    })
  )
})

describe.runIf(byDescriptors.available)("a receiver", () => {
  live(
    "takes nothing of somebody who does not know the token, and closes what it is given",
    Effect.gen(function*() {
      const { customers, ticket } = yield* holder((yield* promised).ticket)
      const bait = yield* watched()
      const before = descriptors()
      const answers: ReadonlyArray<readonly [Uint8Array, number]> = [
        [frame(randomBytes(32)), 1],
        [frame(randomBytes(32)), 253],
        [grantOf(ticket()).subarray(0, 20), 2],
        [Buffer.alloc(400, 1), 1]
      ]
      for (const [i, [said, count]] of answers.entries()) {
        const asked = yield* Effect.forkChild(refused(ticket()))
        yield* waitUntil(() => customers.length === i + 1)
        yield* customers[i]!.claims(1)
        customers[i]!.say(said, Array.from({ length: count }, () => bait.descriptor))
        assert.include(yield* Fiber.join(asked), "does not know the token")
        yield* waitUntil(() => customers[i]!.ended)
      }
      bait.close()
      yield* waitUntil(() => !bait.isHeld())
      yield* flat(before)
    })
  )

  live(
    "takes the descriptors of a grant, and none that come with a refusal",
    Effect.gen(function*() {
      const { came, ticket } = yield* holder((yield* promised).ticket)
      const bait = yield* watched()
      const [one, two] = [ticket(), ticket()]
      const asked = yield* Effect.forkChild(claim(one))
      const customer = (yield* came(1))!
      yield* customer.claims(1)
      customer.say(grantOf(one), [bait.descriptor, bait.descriptor])
      const fds = yield* Fiber.join(asked)
      assert.strictEqual(fds.length, 2)
      closeAll(fds)
      const other = yield* Effect.forkChild(refused(two))
      yield* customer.claims(2)
      customer.say(refusal, [bait.descriptor])
      bait.close()
      assert.include(yield* Fiber.join(other), "claimed before, or not in time")
      yield* waitUntil(() => !bait.isHeld())
    })
  )

  live(
    "claims anew what a kept connection ended without an answer to, and nothing twice over fresh ones",
    Effect.gen(function*() {
      const { came, customers, ticket } = yield* holder((yield* promised).ticket)
      const bait = yield* watched()
      const tickets = [ticket(), ticket(), ticket()]
      const asked = yield* Effect.forkChild(
        Effect.forEach(tickets, (ticket) => Effect.exit(claim(ticket)), { concurrency: 3 })
      )
      const one = (yield* came(1))!
      // They wait for no answer to leave, over one connection.
      yield* one.claims(3)
      assert.strictEqual(customers.length, 1)
      one.say(grantOf(tickets[0]!), [bait.descriptor])
      one.socket.destroy()
      const two = (yield* came(2))!
      yield* two.claims(2)
      assert.deepStrictEqual(two.heard, Buffer.concat([claimOf(tickets[1]!), claimOf(tickets[2]!)]))
      // Of a fresh connection that ends without an answer the first claim fails, and the others go on.
      two.socket.destroy()
      const three = (yield* came(3))!
      yield* three.claims(1)
      assert.deepStrictEqual(three.heard, claimOf(tickets[2]!))
      three.say(grantOf(tickets[2]!), [bait.descriptor])
      const [first, second, third] = yield* Fiber.join(asked)
      assert.isTrue(Exit.isFailure(second!))
      assert.include(String(second), "its holder is gone")
      assert(Exit.isSuccess(first!) && Exit.isSuccess(third!))
      closeAll([...first.value, ...third.value])
      bait.close()
      yield* waitUntil(() => !bait.isHeld())
      assert.strictEqual(customers.length, 3)
    })
  )

  live(
    "reads what was granted before it says that the connection has ended",
    Effect.gen(function*() {
      const { came, ticket } = yield* holder((yield* promised).ticket)
      const bait = yield* watched()
      const [one, two] = [ticket(), ticket()]
      const first = yield* Effect.forkChild(claim(one))
      const customer = (yield* came(1))!
      yield* customer.claims(1)
      // The next claim finds nobody there, before the answer to the one before it is read.
      customer.say(grantOf(one), [bait.descriptor])
      customer.socket.destroy()
      const second = yield* Effect.forkChild(claim(two), { startImmediately: true })
      const other = (yield* came(2))!
      yield* other.claims(1)
      assert.deepStrictEqual(other.heard, claimOf(two))
      other.say(grantOf(two), [bait.descriptor])
      bait.close()
      closeAll([...yield* Fiber.join(first), ...yield* Fiber.join(second)])
      yield* waitUntil(() => !bait.isHeld())
    })
  )

  live(
    "finds out that a holder has ended since, by the next claim",
    Effect.gen(function*() {
      const { came, server, ticket } = yield* holder((yield* promised).ticket)
      const bait = yield* watched()
      const before = descriptors()
      const one = ticket()
      const asked = yield* Effect.forkChild(claim(one))
      const customer = (yield* came(1))!
      yield* customer.claims(1)
      customer.say(grantOf(one), [bait.descriptor])
      closeAll(yield* Fiber.join(asked))
      server.close()
      customer.socket.destroy()
      yield* waitUntil(() => customer.ended)
      assert.match(yield* refused(ticket()), /ENOENT|ECONNREFUSED/)
      bait.close()
      yield* flat(before)
    })
  )

  live(
    "that is interrupted leaves nothing, and those behind it get theirs",
    Effect.gen(function*() {
      const { came, ticket } = yield* holder((yield* promised).ticket)
      const bait = yield* watched()
      const [one, two, three] = [ticket(), ticket(), ticket()]
      const first = yield* Effect.forkChild(claim(one))
      const customer = (yield* came(1))!
      yield* customer.claims(1)
      const second = yield* Effect.forkChild(claim(two))
      yield* customer.claims(2)
      yield* Fiber.interrupt(first)
      customer.say(grantOf(one), [bait.descriptor])
      bait.close()
      const other = yield* watched()
      customer.say(grantOf(two), [other.descriptor])
      other.close()
      const fds = yield* Fiber.join(second)
      yield* waitUntil(() => !bait.isHeld())
      assert.isTrue(other.isHeld())
      closeAll(fds)
      // Nobody waits for anything any more: so it does not, either.
      const third = yield* Effect.forkChild(claim(three))
      yield* customer.claims(3)
      yield* Fiber.interrupt(third)
      yield* waitUntil(() => customer.ended)
    })
  )

  live(
    "that is killed, whatever has been said, leaves nothing at its holder",
    Effect.gen(function*() {
      const { came, customers, ticket } = yield* holder((yield* promised).ticket)
      for (const [i, step] of ["came", "claimed", "granted", "kept"].entries()) {
        const bait = yield* watched()
        const desk = yield* deskOf(byDescriptors)
        const asked = ticket()
        const call = yield* Effect.forkChild(Effect.exit(desk.fetch({ ticket: asked })))
        const customer = (yield* came(i + 1))!
        if (step !== "came") yield* customer.claims(1)
        const file = Fs.openSync("/etc/hostname", "r")
        if (step === "granted") customer.say(grantOf(asked), [bait.descriptor])
        if (step === "kept") {
          customer.say(grantOf(asked), [file])
          yield* Fiber.join(call)
        }
        Fs.closeSync(file)
        bait.close()
        for (const { pid } of yield* Process.activeChildren) process.kill(pid, "SIGKILL")
        yield* Fiber.join(call)
        yield* waitUntil(() => customers[i]!.ended && !bait.isHeld())
      }
    }),
    30_000
  )

  live(
    "closes a connection over which nothing is claimed for some seconds",
    Effect.gen(function*() {
      const { came, ticket } = yield* holder((yield* promised).ticket)
      const before = descriptors()
      const one = ticket()
      const asked = yield* Effect.forkChild(refused(one))
      const customer = (yield* came(1))!
      yield* customer.claims(1)
      customer.say(refusal)
      yield* Fiber.join(asked)
      assert.isFalse(customer.ended)
      yield* waitUntil(() => customer.ended)
      yield* flat(before)
    }),
    30_000
  )

  live(
    "gets no answer any more when its Layer has ended",
    Effect.gen(function*() {
      const { came, ticket } = yield* holder((yield* promised).ticket)
      const [asked, customer] = yield* Effect.gen(function*() {
        const asked = yield* Effect.forkDetach(refused(ticket()))
        const customer = (yield* came(1))!
        yield* customer.claims(1)
        return [asked, customer] as const
      }).pipe(Effect.provide(Layer.fresh(byDescriptors.layerWith({}))))
      assert.include(yield* Fiber.join(asked), "its Layer has ended")
      yield* waitUntil(() => customer.ended)
    })
  )
})
