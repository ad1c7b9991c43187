/** Where a listener is, who comes in, and what is left of it. */
import { assert, describe, it } from "@effect/vitest"
import * as Address from "effect-multiprocessing/Address"
import * as Connection from "effect-multiprocessing/Connection"
import { ConnectFailed, ConnectionError } from "effect-multiprocessing/ConnectionError"
import * as Listener from "effect-multiprocessing/Listener"
import { waitUntil } from "effect-multiprocessing/testing"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Fs from "node:fs"
import * as Net from "node:net"
import { dirname, join } from "node:path"
import { authKey, keyOf, knock, reasonOf, tagOf } from "../support/connections.ts"
import { start } from "../support/owned.ts"
import { folder, rounds } from "../support/spawned.ts"

const live = <E>(name: string, test: Effect.Effect<void, E, Scope.Scope>) => it.live(name, () => Effect.scoped(test))

const pathOf = (address: Address.Address): string => (address as typeof Address.Unix.Type).path
const portOf = (address: Address.Address): number => (address as typeof Address.Tcp.Type).port

/** A message to and fro. */
const works = (listener: Listener.Listener["Service"]) =>
  Effect.scoped(Effect.gen(function*() {
    const near = yield* Connection.connect(listener.address, { authKey })
    const far = yield* listener.accept
    yield* near.sendBytes(Buffer.from("hello"))
    assert.strictEqual(Buffer.from(yield* far.receiveBytes()).toString(), "hello")
  }))

describe("a listener without an address", () => {
  live(
    "has a fresh path in a directory of this user alone, and nothing is left of it",
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const one = yield* Scope.provide(Listener.make({ authKey }), scope)
      const two = yield* Scope.provide(Listener.make({ authKey }), scope)
      const path = pathOf(one.address)
      assert.notStrictEqual(path, pathOf(two.address))
      const directory = dirname(path)
      assert.strictEqual(Fs.statSync(directory).mode & 0o777, 0o700)
      assert.strictEqual(Fs.statSync(path).mode & 0o777, 0o600)
      yield* works(one)
      yield* works(two)
      yield* Scope.close(scope, Exit.void)
      assert.isFalse(Fs.existsSync(path))
      assert.isFalse(Fs.existsSync(directory))
    })
  )
})

describe("a listener at a path", () => {
  live(
    "has the mode that it is given, and its file goes with it",
    Effect.gen(function*() {
      const path = join(yield* folder, "socket")
      for (const mode of [undefined, 0o660, 0o666]) {
        yield* Effect.scoped(Effect.gen(function*() {
          const listener = yield* Listener.make({ address: path, authKey, mode })
          assert.strictEqual(Fs.statSync(path).mode & 0o777, mode ?? 0o600)
          assert.strictEqual(Address.format(listener.address), `unix:${path}`)
          yield* works(listener)
        }))
        assert.isFalse(Fs.existsSync(path))
      }
    })
  )

  live(
    "is refused where another one listens, which goes on",
    Effect.gen(function*() {
      const path = join(yield* folder, "socket")
      const first = yield* Listener.make({ address: path, authKey })
      const refused = yield* reasonOf(Listener.make({ address: path, authKey }))
      assert.deepInclude(refused, { _tag: "ListenFailed", code: "EADDRINUSE", address: `unix:${path}` })
      yield* works(first)
      assert.strictEqual(Fs.statSync(path).mode & 0o777, 0o600)
    })
  )

  live(
    "is refused where there is something else",
    Effect.gen(function*() {
      const base = yield* folder
      const file = join(base, "file")
      Fs.writeFileSync(file, "precious")
      assert.deepInclude(yield* reasonOf(Listener.make({ address: file, authKey })), { code: "EADDRINUSE" })
      assert.strictEqual(Fs.readFileSync(file, "utf8"), "precious")
      const nowhere = yield* reasonOf(Listener.make({ address: join(base, "no", "socket"), authKey }))
      assert.deepInclude(nowhere, { _tag: "ListenFailed" })
      assert.include(["ENOENT", "EACCES"], (nowhere as { code?: string }).code)
    })
  )

  live(
    "takes over from one that died; its own file is gone after kill -9, too",
    Effect.gen(function*() {
      const base = yield* folder
      const path = join(base, "socket")
      const guarded = yield* start("listener", path, { TMPDIR: base })
      assert.strictEqual(yield* guarded.line, `unix:${path}`)
      assert.isTrue(Fs.statSync(path).isSocket())
      guarded.kill()
      yield* guarded.end
      yield* waitUntil(() => !Fs.existsSync(path), { what: "removal of the socket's file" })

      const bare = yield* start("bareListener", path)
      yield* bare.line
      bare.kill()
      yield* bare.end
      assert.isTrue(Fs.statSync(path).isSocket(), "nobody removed it")
      yield* works(yield* Listener.make({ address: path, authKey }))
    })
  )

  live(
    "of several that come at once where one died, one listens",
    Effect.gen(function*() {
      const base = yield* folder
      const path = join(base, "socket")
      const bare = yield* start("bareListener", path)
      yield* bare.line
      bare.kill()
      yield* bare.end
      for (let round = 0; round < rounds(1, 30); round++) {
        const programs = yield* Effect.forEach(
          Array.from({ length: 3 }),
          () => start("bareListener", path, { TAKE_OVER: "1", TMPDIR: base }),
          { concurrency: 3 }
        )
        const lines = yield* Effect.forEach(programs, ({ line }) => line, { concurrency: 3 })
        assert.deepStrictEqual(lines.toSorted().slice(0, 2), ["EADDRINUSE", "EADDRINUSE"], lines.join())
        // the file is the living one's
        const raw = yield* knock(Address.unix(path))
        raw.socket.destroy()
        for (const program of programs) program.kill()
        for (const program of programs) yield* program.end
        // what the guard removes is made again, for the next round
        yield* waitUntil(() => !Fs.existsSync(path), { what: "removal of the socket's file" })
        const next = yield* start("bareListener", path)
        yield* next.line
        next.kill()
        yield* next.end
      }
    })
  )
})

describe("an address can be used again at once", () => {
  for (const kind of ["a path", "a port", "an abstract name"]) {
    if (kind === "an abstract name" && process.platform !== "linux") continue
    live(
      `${kind}, also with connections that are still open`,
      Effect.gen(function*() {
        const kept: Scope.Scope = yield* Effect.scope
        let address: Address.Input = kind === "a path"
          ? join(yield* folder, "socket")
          : kind === "a port"
          ? "127.0.0.1:0"
          : `abstract:emp-again-${process.pid}`
        for (let round = 0; round < 20; round++) {
          const scope = yield* Scope.make()
          const listener: Listener.Listener["Service"] = yield* Scope.provide(
            Listener.make({ address, authKey }),
            scope
          )
          address = listener.address
          const near = yield* Connection.connect(address, { authKey })
          const far = yield* Scope.provide(listener.accept, kept)
          yield* Scope.close(scope, Exit.void)
          yield* near.sendBytes(Buffer.from("still"))
          assert.strictEqual(Buffer.from(yield* far.receiveBytes()).toString(), "still")
          assert.strictEqual(yield* tagOf(listener.accept), "ConnectionClosed")
          assert.strictEqual(yield* tagOf(Effect.scoped(Connection.connect(address, { authKey }))), "ConnectFailed")
          if (round % 3 === 0) yield* far.close
        }
      })
    )
  }

  live(
    "port 0 is a free one, in the address that it has",
    Effect.gen(function*() {
      const listener = yield* Listener.make({ address: Address.tcp(0), authKey })
      assert.isAbove(portOf(listener.address), 0)
      yield* works(listener)
      const refused = yield* reasonOf(Listener.make({ address: listener.address, authKey }))
      assert.deepInclude(refused, { _tag: "ListenFailed", code: "EADDRINUSE" })
      yield* works(listener)
    })
  )
})

describe("accept", () => {
  live(
    "that is interrupted again and again loses no connection",
    Effect.gen(function*() {
      const listener = yield* Listener.make({ authKey })
      const scope = yield* Effect.scope
      const count = rounds(60, 1_000)
      yield* Effect.forkChild(Effect.forEach(
        Array.from({ length: count }, (_, n) => n),
        (n) =>
          Effect.flatMap(
            Scope.provide(Connection.connect(listener.address, { authKey }), scope),
            (connection) => connection.sendBytes(Buffer.from(String(n)))
          ),
        { concurrency: 4, discard: true }
      ))
      const seen: Array<number> = []
      let interrupted = 0
      while (seen.length < count) {
        const fiber = yield* Effect.forkChild(Scope.provide(listener.accept, scope))
        yield* Effect.callback<void>((resume) => void setImmediate(() => resume(Effect.void)))
        yield* Fiber.interrupt(fiber)
        const exit = yield* Fiber.await(fiber)
        if (Exit.isFailure(exit)) interrupted++
        else seen.push(Number(Buffer.from(yield* exit.value.receiveBytes()).toString()))
      }
      assert.deepStrictEqual(seen.toSorted((a, b) => a - b), Array.from({ length: count }, (_, n) => n))
      assert.isAbove(interrupted, 0)
    })
  )

  live(
    "in many fibers gives each connection to one, and its end to all",
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const listener = yield* Scope.provide(Listener.make({ authKey }), scope)
      const names: Array<string> = []
      const fibers = yield* Effect.forEach(
        Array.from({ length: 8 }),
        () =>
          Effect.forkChild(tagOf(Effect.forever(Effect.scoped(Effect.gen(function*() {
            const connection = yield* listener.accept
            names.push(Buffer.from(yield* connection.receiveBytes()).toString())
          })))))
      )
      for (let n = 0; n < 30; n++) {
        yield* Effect.scoped(Effect.gen(function*() {
          const connection = yield* Connection.connect(listener.address, { authKey })
          yield* connection.sendBytes(Buffer.from(String(n)))
          assert.strictEqual(yield* tagOf(connection.receiveBytes()), "EndOfStream")
        }))
      }
      yield* Scope.close(scope, Exit.void)
      for (const fiber of fibers) assert.strictEqual(yield* Fiber.join(fiber), "ConnectionClosed")
      assert.deepStrictEqual(names.map(Number), Array.from({ length: 30 }, (_, n) => n))
    })
  )
})

describe("run", () => {
  live(
    "goes on after handlers that fail, throw, die and hang; and closes what they had",
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const listener = yield* Scope.provide(Listener.make({ authKey }), scope)
      let throws = false
      const runs = yield* Effect.forkChild(tagOf(listener.run((connection) => {
        if (throws) throw new Error("thrown")
        return Effect.gen(function*() {
          const what = Buffer.from(yield* connection.receiveBytes()).toString()
          if (what === "fail") return yield* Effect.fail("failed")
          if (what === "die") return yield* Effect.die("died")
          if (what === "interrupt") return yield* Effect.interrupt
          yield* connection.sendBytes(Buffer.from(what))
          if (what === "hang") return yield* Effect.never
        })
      })))
      const connect = Connection.connect(listener.address, { authKey })
      for (const what of ["fail", "throw", "die", "interrupt", "answer"]) {
        throws = what === "throw"
        const connection = yield* connect
        // of one that closes what was not read, the system may say that it broke
        if (!throws) yield* connection.sendBytes(Buffer.from(what))
        if (what === "answer") assert.strictEqual(Buffer.from(yield* connection.receiveBytes()).toString(), what)
        assert.strictEqual(yield* tagOf(connection.receiveBytes()), "EndOfStream", what)
      }
      throws = false
      const hangs = yield* connect
      yield* hangs.sendBytes(Buffer.from("hang"))
      assert.lengthOf(yield* hangs.receiveBytes(), 4)
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual(yield* Fiber.join(runs), "ConnectionClosed")
      assert.strictEqual(yield* tagOf(hangs.receiveBytes()), "EndOfStream")
    })
  )

  live(
    "interrupted at any time closes each connection that it has taken",
    Effect.gen(function*() {
      const listener = yield* Listener.make({ authKey })
      for (let round = 0; round < 40; round++) {
        const runs = yield* Effect.forkChild(
          listener.run((connection) => Stream.runDrain(Connection.bytes(connection)))
        )
        const connection = yield* Connection.connect(listener.address, { authKey })
        for (let i = 0; i < round % 4; i++) yield* Effect.yieldNow
        yield* Fiber.interrupt(runs)
        // either it was taken, and is closed; or it waits for somebody
        const fiber = yield* Effect.forkChild(Effect.scoped(listener.accept))
        assert.strictEqual(yield* tagOf(connection.receiveBytes()), "EndOfStream")
        yield* Fiber.interrupt(fiber)
      }
    })
  )

  live(
    "as a Layer",
    Effect.gen(function*() {
      const text = yield* Effect.gen(function*() {
        const { address, run } = yield* Listener.Listener
        yield* Effect.forkChild(
          run((connection) => Stream.run(Connection.bytes(connection), Connection.bytesSink(connection)))
        )
        const connection = yield* Connection.connect(address, { authKey })
        yield* connection.sendBytes(Buffer.from("echo"))
        return Buffer.from(yield* connection.receiveBytes()).toString()
      }).pipe(Effect.scoped, Effect.provide(Listener.layer({ authKey })))
      assert.strictEqual(text, "echo")
      const failed = Layer.build(Listener.layer({ address: "/", authKey }))
      assert.strictEqual(yield* tagOf(failed), "ListenFailed")
    })
  )

  live(
    "the Scope closes everything: who waits, who is in a handshake, who was not taken yet",
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const listener = yield* Scope.provide(Listener.make({ authKey }), scope)
      const accepts = yield* Effect.forkChild(tagOf(Effect.scoped(Effect.andThen(listener.accept, listener.accept))))
      const taken = yield* Connection.connect(listener.address, { authKey })
      yield* taken.sendBytes(Buffer.alloc(1))
      const silent = yield* knock(listener.address)
      yield* silent.frame
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual(yield* Fiber.join(accepts), "ConnectionClosed")
      yield* silent.end
      assert.include(["EndOfStream", "ConnectionBroken"], yield* tagOf(taken.receiveBytes()))
    })
  )
})

describe("to connect", () => {
  live(
    "where nobody is says why",
    Effect.gen(function*() {
      const base = yield* folder
      const file = join(base, "file")
      Fs.writeFileSync(file, "")
      const free = yield* Effect.scoped(
        Effect.map(Listener.make({ address: "127.0.0.1:0", authKey }), (one) => one.address)
      )
      const cases: ReadonlyArray<readonly [Address.Input, string]> = [
        [join(base, "none"), "ENOENT"],
        [file, "ECONNREFUSED"],
        [join(file, "under"), "ENOTDIR"],
        [free, "ECONNREFUSED"],
        ["abstract:emp-nobody", "ECONNREFUSED"]
      ]
      for (const [address, code] of cases) {
        if (process.platform !== "linux" && String(address).startsWith("abstract:")) continue
        const reason = yield* reasonOf(Effect.scoped(Connection.connect(address, { authKey })))
        const text = typeof address === "string"
          ? Address.format(Result.getOrThrow(Address.parse(address)))
          : Address.format(address)
        assert.deepInclude(reason, { _tag: "ConnectFailed", code, address: text })
      }
    })
  )

  live(
    "to what is no address, or is not of this machine, is refused before anything is done",
    Effect.gen(function*() {
      const connect = (address: Address.Input) => reasonOf(Effect.scoped(Connection.connect(address, { authKey })))
      const listen = (address: Address.Input) => reasonOf(Effect.scoped(Listener.make({ address, authKey })))
      for (const use of [connect, listen]) {
        assert.strictEqual((yield* use(`/tmp/${"x".repeat(200)}`))._tag, "InvalidAddress")
        assert.strictEqual((yield* use("nonsense"))._tag, "InvalidAddress")
        assert.strictEqual((yield* use(Address.tcp(70_000)))._tag, "InvalidAddress")
        assert.strictEqual((yield* use("0.0.0.0:0"))._tag, "InsecureAddress")
        assert.strictEqual((yield* use("example.org:80"))._tag, "InsecureAddress")
        assert.strictEqual((yield* use(Address.pipe("name")))._tag, "UnsupportedPlatform")
      }
      const everywhere = yield* Listener.make({ address: Address.tcp(0, "0.0.0.0"), authKey, insecure: true })
      yield* works({ ...everywhere, address: Address.tcp(portOf(everywhere.address)) })
    })
  )

  live(
    "again and again, until somebody is there",
    Effect.gen(function*() {
      const path = join(yield* folder, "socket")
      let tries = 0
      const schedule = Schedule.tap(Schedule.spaced(5), () => Effect.sync(() => tries++))
      const connects = yield* Effect.forkChild(Effect.scoped(Effect.flatMap(
        Connection.connect(path, { authKey, retry: schedule }),
        (connection) => connection.receiveBytes()
      )))
      yield* waitUntil(() => tries > 3, { what: "tries" })
      const listener = yield* Listener.make({ address: path, authKey })
      yield* Effect.flatMap(listener.accept, (connection) => connection.sendBytes(Buffer.from("there")))
      assert.strictEqual(Buffer.from(yield* Fiber.join(connects)).toString(), "there")
    })
  )

  live(
    "again and again, but not with a wrong key; and no longer than the Schedule says",
    Effect.gen(function*() {
      let refused = 0
      const onRefused = () => Effect.sync(() => void refused++)
      const listener = yield* Listener.make({ authKey, onRefused })
      let tries = 0
      const retry = Schedule.tap(Schedule.recurs(4), () => Effect.sync(() => tries++))
      const wrong = Connection.connect(listener.address, { authKey: keyOf("wrong"), retry })
      assert.strictEqual(yield* tagOf(Effect.scoped(wrong)), "AuthenticationFailed")
      assert.strictEqual(refused, 1)
      tries = 0
      const nobody = Effect.scoped(Connection.connect("/nobody/here", { authKey, retry }))
      const error = yield* Effect.flip(nobody)
      assert.instanceOf(error, ConnectionError)
      assert.instanceOf(error.reason, ConnectFailed)
      assert.isAtLeast(tries, 4)
    })
  )

  live(
    "to somebody who is silent ends in time",
    Effect.gen(function*() {
      const path = join(yield* folder, "socket")
      const server = yield* Effect.acquireRelease(
        Effect.callback<Net.Server>((resume) => {
          const made = Net.createServer(() => {})
          made.listen(path, () => resume(Effect.succeed(made)))
        }),
        (made) => Effect.callback<void>((resume) => void made.close(() => resume(Effect.void)))
      )
      assert.isTrue(server.listening)
      const reason = yield* reasonOf(Effect.scoped(Connection.connect(path, { authKey, timeout: 50 })))
      assert.deepInclude(reason, { _tag: "HandshakeTimeout", peer: `unix:${path}`, timeout: 50 })
      const interrupted = yield* Effect.forkChild(Effect.scoped(Connection.connect(path, { authKey })))
      yield* Effect.yieldNow
      yield* Fiber.interrupt(interrupted)
    })
  )
})
