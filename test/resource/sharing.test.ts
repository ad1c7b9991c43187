/** Sockets, servers and descriptors between processes. */
import { assert, describe } from "@effect/vitest"
import * as AuthKey from "effect-multiprocessing/AuthKey"
import * as Native from "effect-multiprocessing/Native"
import * as Process from "effect-multiprocessing/Process"
import * as Reduction from "effect-multiprocessing/Reduction"
import * as RemoteClient from "effect-multiprocessing/RemoteClient"
import { RemoteError } from "effect-multiprocessing/RemoteError"
import * as ResourceSharer from "effect-multiprocessing/ResourceSharer"
import { waitUntil } from "effect-multiprocessing/testing"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { spawn } from "node:child_process"
import { randomBytes } from "node:crypto"
import * as Dgram from "node:dgram"
import { once } from "node:events"
import * as Fs from "node:fs"
import * as Net from "node:net"
import * as Tls from "node:tls"
import { fileURLToPath } from "node:url"
import { Desk } from "../fixtures/resource/desk.ts"
import { certificate } from "../support/certificates.ts"
import {
  byDescriptors,
  byHandles,
  descriptors,
  deskOf,
  issueOf,
  listener,
  testWith,
  textOf
} from "../support/passing.ts"
import { folder, rounds } from "../support/spawned.ts"

for (const way of [byDescriptors, byHandles]) {
  const test = testWith(way)
  const desk = deskOf(way)

  describe.runIf(way.available)(`a connected socket, ${way.name}`, () => {
    test(
      "goes on in another process, what was read here first, and is closed here",
      Effect.gen(function*() {
        const { serve } = yield* desk
        const { connect } = yield* listener
        const { accepted, client } = yield* connect
        client.write("unread, ")
        accepted.resume()
        accepted.pause()
        yield* waitUntil(() => accepted.readableLength === 8 || (accepted.read(0), accepted.readableLength === 8))
        yield* serve({ socket: accepted })
        assert.isTrue(accepted.destroyed)
        client.end("and later")
        assert.match(yield* textOf(client), /^\d+:unread, and later$/)
      })
    )

    test(
      "reads when somebody listens to it, what was read here and what comes later",
      Effect.gen(function*() {
        const { hear } = yield* desk
        const { connect } = yield* listener
        const { accepted, client } = yield* connect
        client.end("to the end")
        accepted.read(0)
        yield* waitUntil(() => accepted.readableLength === 10)
        assert.strictEqual(yield* hear({ socket: accepted }), "to the end")
        const second = yield* connect
        const heard = yield* Effect.forkChild(hear({ socket: second.accepted }))
        yield* waitUntil(() => second.accepted.destroyed)
        second.client.end("later")
        assert.strictEqual(yield* Fiber.join(heard), "later")
        client.destroy()
      })
    )

    test(
      "whose other end does not read stays as it was when its sender gives up, and is sent when it does",
      Effect.gen(function*() {
        const { serve } = yield* desk
        const { connect } = yield* listener
        const { accepted, client } = yield* connect
        const half = Buffer.alloc(8_000_000, "x")
        // written again when the kernel has the first, behind whatever waits for that
        accepted.write(half, () => accepted.write(half))
        assert.isTrue(Option.isNone(yield* Effect.timeoutOption(serve({ socket: accepted }), "200 millis")))
        assert.isFalse(accepted.destroyed)
        const sent = yield* Effect.forkChild(serve({ socket: accepted }))
        client.end("all")
        const text = yield* textOf(client)
        yield* Fiber.join(sent)
        assert.strictEqual(text.length - text.search(/[^x]/), text.match(/\d+:all$/)?.[0].length)
        assert.strictEqual(text.search(/[^x]/), 2 * half.length)
      })
    )

    test(
      "that has ended is heard to end, whatever comes with it",
      Effect.gen(function*() {
        const { pair } = yield* desk
        const { connect } = yield* listener
        for (let i = 0; i < 10; i++) {
          const [first, second] = [yield* connect, yield* connect]
          first.client.end()
          yield* pair({ first: first.accepted, second: second.accepted })
          assert.strictEqual(yield* textOf(second.client), "")
          first.client.destroy()
        }
      })
    )

    test(
      "is ended where what came with it does not arrive, in a payload and in a result",
      Effect.gen(function*() {
        const { both, half } = yield* desk
        const { connect, port, server } = yield* listener
        const { accepted, client } = yield* connect
        const path = `${yield* folder}/file`
        const file = yield* Reduction.openFile(path, { flag: "w" })
        Fs.rmSync(path)
        assert.include(yield* issueOf(both({ socket: accepted, file })), "nothing is at")
        assert.strictEqual(yield* textOf(client), "")
        const connected = once(server, "connection") as Promise<[Net.Socket]>
        assert.include(yield* issueOf(half({ port, path })), "nothing is at")
        const [other] = yield* Effect.promise(() => connected)
        assert.strictEqual(yield* textOf(other), "")
      })
    )

    test(
      "is sent by a child in a result",
      Effect.gen(function*() {
        const { dial } = yield* desk
        const { port, server } = yield* listener
        const connected = once(server, "connection") as Promise<[Net.Socket]>
        const socket = yield* dial({ port })
        const [accepted] = yield* Effect.promise(() => connected)
        socket.end("from the child's socket")
        assert.strictEqual(yield* textOf(accepted), "from the child's socket")
      })
    )

    test(
      "that cannot be sent stays as it was, and says why",
      Effect.gen(function*() {
        const { serve } = yield* desk
        const { connect, port } = yield* listener
        const { accepted, client } = yield* connect
        accepted.setEncoding("utf8")
        assert.include(yield* issueOf(serve({ socket: accepted })), "reads texts")
        assert.isFalse(accepted.destroyed)
        const unconnected = Net.connect(port, "127.0.0.1").on("error", () => {})
        assert.include(yield* issueOf(serve({ socket: unconnected })), "not connected yet")
        const tls = new Tls.TLSSocket(client).on("error", () => {})
        assert.include(yield* issueOf(serve({ socket: tls })), "TLS")
        accepted.destroy()
        assert.include(yield* issueOf(serve({ socket: accepted })), "closed")
        for (const socket of [unconnected, tls, client]) socket.destroy()
        const { pending } = yield* ResourceSharer.ResourceSharer
        assert.strictEqual(yield* pending, 0)
      })
    )

    test(
      `leaves no descriptor, in any process, after ${rounds(200, 10_000)} passes`,
      Effect.gen(function*() {
        const { counts, serve } = yield* desk
        const { connect } = yield* listener
        const pass = Effect.gen(function*() {
          const { accepted, client } = yield* connect
          client.write("x")
          yield* serve({ socket: accepted })
          client.end()
          assert.match(yield* textOf(client), /^\d+:x$/)
        })
        yield* pass
        const before = [descriptors(), (yield* counts()).descriptors]
        for (let i = 0; i < rounds(200, 10_000); i++) yield* pass
        yield* waitUntil(Effect.map(counts(), (theirs) => {
          const after = [descriptors(), theirs.descriptors]
          return after.every((count, i) => count <= before[i]!)
        }))
      }),
      rounds(60_000, 600_000)
    )
  })

  describe.runIf(way.available)(`a listening server, ${way.name}`, () => {
    test(
      "accepts in two processes, and in one alone when the other has closed it",
      Effect.gen(function*() {
        const { accept, accepted } = yield* desk
        const { port, server } = yield* listener
        yield* accept({ server, count: 20 })
        // Its owner here is gone, and nobody is refused.
        server.close()
        const answers = yield* Effect.forEach(
          Array.from({ length: 20 }, () => Effect.suspend(() => textOf(Net.connect(port, "127.0.0.1")))),
          (answer) => answer,
          { concurrency: 4 }
        )
        assert.strictEqual(new Set(answers).size, 1)
        assert.notStrictEqual(answers[0], String(process.pid))
        yield* accepted()
      })
    )

    test(
      "that does not listen cannot be sent",
      Effect.gen(function*() {
        const { accept } = yield* desk
        assert.include(yield* issueOf(accept({ server: Net.createServer(), count: 1 })), "does not listen")
      })
    )

    test(
      "of TLS cannot be sent: its connections would be answered in plain text",
      Effect.gen(function*() {
        const { accept } = yield* desk
        const server = Tls.createServer(certificate("listener"))
        yield* Effect.promise(() => once(server.listen(0, "127.0.0.1"), "listening"))
        assert.include(yield* issueOf(accept({ server, count: 1 })), "TLS")
        server.close()
      })
    )
  })

  describe.runIf(way.available)(`a socket for datagrams, ${way.name}`, () => {
    test(
      "sends from another process with the same port",
      Effect.gen(function*() {
        const { send } = yield* desk
        const bound = Effect.acquireRelease(
          Effect.promise(async () => {
            const socket = Dgram.createSocket("udp4")
            socket.bind(0, "127.0.0.1")
            await once(socket, "listening")
            return socket
          }),
          (socket) => Effect.sync(() => socket.close())
        )
        const [sender, receiver] = [yield* bound, yield* bound]
        const message = once(receiver, "message") as Promise<[Buffer, Dgram.RemoteInfo]>
        yield* send({ socket: sender, port: receiver.address().port, text: "hello" })
        const [bytes, { port }] = yield* Effect.promise(() => message)
        assert.deepStrictEqual([bytes.toString(), port], ["hello", sender.address().port])
        const unbound = Dgram.createSocket("udp4")
        assert.include(yield* issueOf(send({ socket: unbound, port: 1, text: "" })), "not bound")
        unbound.close()
      })
    )
  })
}

const test = testWith(byDescriptors)
const desk = deskOf(byDescriptors)

/** A Desk of a program that has nothing in common with this one but its user. */
const stranger = Effect.gen(function*() {
  const address = `${yield* folder}/desk`
  const hex = randomBytes(32).toString("hex")
  const file = fileURLToPath(new URL("../fixtures/resource/stranger.ts", import.meta.url))
  const program = yield* Effect.acquireRelease(
    Effect.sync(() => spawn(process.execPath, [file, address, hex], { stdio: ["pipe", "pipe", "inherit"] })),
    (program) =>
      Effect.promise(() => {
        program.stdin.end()
        return once(program, "close")
      })
  )
  yield* Effect.promise(() => once(program.stdout.resume(), "data"))
  const authKey = yield* Effect.fromResult(AuthKey.fromHex(hex))
  return Context.get(yield* Layer.build(RemoteClient.layer({ address, authKey, services: [Desk] })), Desk)
})

describe.runIf(byDescriptors.available)("a socket and a process that is not related", () => {
  test(
    `leave no descriptor on either side after ${rounds(200, 10_000)} passes`,
    Effect.gen(function*() {
      const { counts, serve } = yield* stranger
      const { connect } = yield* listener
      const pass = Effect.gen(function*() {
        const { accepted, client } = yield* connect
        client.write("unread, ")
        yield* waitUntil(() => accepted.readableLength === 8 || (accepted.read(0), accepted.readableLength === 8))
        yield* serve({ socket: accepted })
        client.end("and later")
        assert.match(yield* textOf(client), /^\d+:unread, and later$/)
      })
      yield* pass
      const before = [descriptors(), (yield* counts()).descriptors]
      for (let i = 0; i < rounds(200, 10_000); i++) yield* pass
      yield* waitUntil(Effect.map(counts(), (theirs) => {
        const after = [descriptors(), theirs.descriptors]
        return after.every((count, i) => count <= before[i]!)
      }))
    }),
    rounds(60_000, 600_000)
  )
})

describe.runIf(byDescriptors.available)("a server that was received", () => {
  /** One that was received, and has accepted so many connections before anybody listens to it. */
  const early = Effect.fnUntraced(function*(count: number, options: Net.ServerOpts) {
    const server = Net.createServer(options)
    yield* Effect.promise(() => once(server.listen(0, "127.0.0.1"), "listening"))
    const { port } = server.address() as Net.AddressInfo
    const received = yield* Schema.decodeEffect(Reduction.Server)(yield* Schema.encodeEffect(Reduction.Server)(server))
    server.close()
    const clients = yield* Effect.acquireRelease(
      Effect.sync(() => Array.from({ length: count }, () => Net.connect(port, "127.0.0.1"))),
      (clients) => Effect.sync(() => clients.forEach((client) => client.destroy()))
    )
    clients.forEach((client, i) => client.on("error", () => {}).write(`${i}`))
    const accepted = Effect.promise(() =>
      new Promise<number>((resolve) => received.getConnections((_, count) => resolve(count)))
    )
    yield* waitUntil(Effect.map(accepted, (accepted) => accepted === count))
    return { received, clients }
  })

  for (const pauseOnConnect of [false, true]) {
    test(
      `keeps what it accepts until somebody listens, ${pauseOnConnect ? "and then paused" : "who hears it read"}`,
      Effect.gen(function*() {
        const { clients, received } = yield* early(3, { pauseOnConnect })
        const sockets: Array<Net.Socket> = []
        const texts: Array<string> = []
        received.on("connection", (socket) => {
          sockets.push(socket)
          if (!pauseOnConnect) socket.on("data", (chunk) => texts.push(String(chunk)))
        })
        yield* waitUntil(() => sockets.length === 3)
        assert.isTrue(sockets.every((socket) => socket.isPaused() === pauseOnConnect))
        if (pauseOnConnect) {
          sockets.forEach((socket) => socket.on("data", (chunk) => texts.push(String(chunk))).resume())
        }
        yield* waitUntil(() => texts.length === 3)
        assert.sameMembers(texts, ["0", "1", "2"])
        const later = Net.connect((received.address() as Net.AddressInfo).port, "127.0.0.1")
        yield* waitUntil(() => sockets.length === 4)
        assert.strictEqual(sockets[3]!.isPaused(), pauseOnConnect)
        const closed = once(received, "close")
        received.close()
        for (const socket of [...clients, later]) socket.end()
        for (const socket of sockets) socket.resume().end()
        yield* Effect.promise(() => closed)
      })
    )
  }

  test(
    "that is closed before anybody listens ends what it has accepted",
    Effect.gen(function*() {
      const { clients, received } = yield* early(2, {})
      const closed = once(received, "close")
      received.close()
      yield* Effect.promise(() => closed)
      clients.forEach((client) => client.resume())
      yield* waitUntil(() => clients.every((client) => client.destroyed))
    })
  )
})

describe.runIf(byDescriptors.available)("a descriptor", () => {
  test(
    "of a file is the same open file, with one position",
    Effect.gen(function*() {
      const { line } = yield* desk
      const path = `${yield* folder}/lines`
      Fs.writeFileSync(path, "one\ntwo\nthree\n")
      const file = new Reduction.Descriptor(Fs.openSync(path, "r"))
      assert.strictEqual(yield* line({ file }), "one")
      assert.strictEqual(yield* line({ file }), "two")
      assert.strictEqual(Fs.readFileSync(file.number, "utf8"), "three\n")
      file.close()
      assert.include(yield* issueOf(line({ file })), "closed")
    })
  )

  test(
    "is a number of one that is open, or is refused",
    Effect.gen(function*() {
      const { line } = yield* desk
      const { share } = yield* ResourceSharer.ResourceSharer
      // to the C library, some of these are those that are always open
      for (const number of [-1, NaN, 0.5, 1.5, 2 ** 32, 2 ** 40, 999_999]) {
        assert.include(yield* issueOf(line({ file: new Reduction.Descriptor(number) })), "EBADF", String(number))
        const { reason } = yield* Effect.flip(share([number]))
        assert.deepInclude(reason, { _tag: "SystemCallFailed", code: "EBADF" }, String(number))
      }
    })
  )

  test(
    "goes from one child to another, past their parent",
    Effect.gen(function*() {
      const [one, other] = [yield* desk, yield* desk]
      const path = `${yield* folder}/secret`
      Fs.writeFileSync(path, "in confidence")
      const ticket = yield* one.promise({ path })
      Fs.rmSync(path)
      assert.strictEqual((yield* one.counts()).pending, 1)
      assert.strictEqual(yield* other.fetch({ ticket }), "in confidence")
      assert.strictEqual((yield* one.counts()).pending, 0)
    })
  )
})

/** The first promise opens this process's desk. */
const warm = Effect.gen(function*() {
  const { claim, share } = yield* ResourceSharer.ResourceSharer
  const ticket = yield* Effect.scoped(Effect.flatMap(open("/etc/hostname"), (fd) => share([fd])))
  ;(yield* claim(ticket)).forEach((fd) => Fs.closeSync(fd))
  return descriptors()
})

const open = (path: string) =>
  Effect.acquireRelease(Effect.sync(() => Fs.openSync(path, "r")), (fd) => Effect.sync(() => Fs.closeSync(fd)))

describe.runIf(byDescriptors.available)("a promise", () => {
  const refusal = (ticket: ResourceSharer.Ticket) =>
    Effect.gen(function*() {
      const { claim } = yield* ResourceSharer.ResourceSharer
      const { reason } = yield* Effect.flip(claim(ticket))
      assert.strictEqual(reason._tag, "TicketRefused", reason.message)
      return reason.message
    })

  test(
    "is good once, here too, and several descriptors travel together",
    Effect.gen(function*() {
      const { claim, share } = yield* ResourceSharer.ResourceSharer
      const before = yield* warm
      const ticket = yield* Effect.scoped(Effect.flatMap(open("/etc/hostname"), (fd) => share([fd, fd, fd])))
      const fds = yield* claim(ticket)
      assert.strictEqual(fds.length, 3)
      assert.strictEqual(Fs.readFileSync(fds[2]!, "utf8"), Fs.readFileSync("/etc/hostname", "utf8"))
      fds.forEach((fd) => Fs.closeSync(fd))
      assert.include(yield* refusal(ticket), "claimed before")
      yield* waitUntil(() => descriptors() <= before)
    })
  )

  test(
    "that nobody fetches is closed in time, and at the end of the Layer",
    Effect.gen(function*() {
      const before = descriptors()
      const short = ResourceSharer.layerWith({ expiry: "50 millis" }).pipe(Layer.provide(Native.layer))
      yield* Effect.gen(function*() {
        const { pending, share } = yield* ResourceSharer.ResourceSharer
        const ticket = yield* Effect.scoped(Effect.flatMap(open("/etc/hostname"), (fd) => share([fd])))
        yield* waitUntil(Effect.map(pending, (count) => count === 0))
        assert.include(yield* refusal(ticket), "not in time")
      }).pipe(Effect.provide(Layer.fresh(short)))
      yield* Effect.gen(function*() {
        const { share } = yield* ResourceSharer.ResourceSharer
        yield* Effect.scoped(Effect.flatMap(open("/etc/hostname"), (fd) => share([fd])))
      }).pipe(Effect.provide(Layer.fresh(byDescriptors.layerWith({}))))
      yield* waitUntil(() => descriptors() <= before)
    })
  )

  test(
    "that is none is refused, and leads nowhere else",
    Effect.gen(function*() {
      const token = new Uint8Array(32)
      assert.include(yield* refusal({ path: "/run/docker.sock", token }), "not one of this user's")
      assert.include(yield* refusal({ path: "../../x", token }), "not one of this user's")
      const { share } = yield* ResourceSharer.ResourceSharer
      const ticket = yield* Effect.scoped(Effect.flatMap(open("/etc/hostname"), (fd) => share([fd])))
      const path = "path" in ticket ? ticket.path : assert.fail("a ticket without a path")
      assert.include(yield* refusal({ path, token }), "claimed before, or not in time")
      assert.include(yield* refusal({ path: `${path}x`, token }), "ENOENT")
      const { reason } = yield* Effect.flip(share([]))
      assert.strictEqual(reason._tag, "InvalidOption")
      assert.strictEqual((yield* Effect.flip(share([9999]))).reason._tag, "SystemCallFailed")
    })
  )

  test(
    "whose receiver is killed before it has fetched anything is kept for nobody longer than its time",
    Effect.gen(function*() {
      const short = ResourceSharer.layerWith({ expiry: "300 millis" }).pipe(Layer.provide(Native.layer))
      yield* Effect.gen(function*() {
        const { hold } = yield* desk
        const { connect } = yield* listener
        const { accepted, client } = yield* connect
        const encoded = yield* Schema.encodeEffect(Reduction.Socket)(accepted)
        const call = yield* Effect.forkChild(Effect.flip(hold({ ticket: encoded })))
        const [child] = yield* Process.activeChildren
        process.kill(child!.pid, "SIGKILL")
        assert.instanceOf(yield* Fiber.join(call), RemoteError)
        // The connection ends with the promise.
        assert.strictEqual(yield* textOf(client), "")
      }).pipe(Effect.provide(Layer.fresh(short)))
    })
  )

  test(
    "that is being fetched by somebody who is killed, at any moment, leaves nothing",
    Effect.gen(function*() {
      const { pending, share } = yield* ResourceSharer.ResourceSharer
      const before = yield* warm
      for (let i = 0; i < rounds(4, 60); i++) {
        yield* Effect.scoped(Effect.gen(function*() {
          const { fetch } = yield* desk
          const [child] = yield* Process.activeChildren
          const ticket = yield* Effect.scoped(Effect.flatMap(open("/etc/hostname"), (fd) => share([fd])))
          const call = yield* Effect.forkChild(Effect.exit(fetch({ ticket })))
          for (let turn = 0; turn < i * 3; turn++) yield* Effect.promise(() => new Promise(setImmediate))
          process.kill(child!.pid, "SIGKILL")
          yield* Fiber.join(call)
          // It was fetched, or it is still there for somebody else.
          if ((yield* pending) > 0) {
            const { claim } = yield* ResourceSharer.ResourceSharer
            ;(yield* claim(ticket)).forEach((fd) => Fs.closeSync(fd))
          }
        }))
      }
      yield* waitUntil(Effect.map(pending, (count) => count === 0))
      yield* waitUntil(() => descriptors() <= before)
    }),
    rounds(60_000, 300_000)
  )
})
