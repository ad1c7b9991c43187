import { assert, describe, it } from "@effect/vitest"
import * as Native from "effect-multiprocessing/Native"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ChildProcess from "node:child_process"
import { once } from "node:events"
import * as Fs from "node:fs"
import * as Net from "node:net"
import * as Path from "node:path"
import { fileURLToPath } from "node:url"
import { natively } from "../support/natively.ts"
import { runCommand } from "../support/program.ts"
import { folder } from "../support/spawned.ts"

const repository = fileURLToPath(new URL("../..", import.meta.url))

/** This package as it is built, in a place where only what is named here is installed with it. */
const installed = (packages: Readonly<Record<string, string>>) =>
  Effect.map(folder, (root) => {
    Fs.cpSync(Path.join(repository, "dist"), Path.join(root, "dist"), { recursive: true })
    Fs.copyFileSync(Path.join(repository, "package.json"), Path.join(root, "package.json"))
    Fs.mkdirSync(Path.join(root, "node_modules"))
    Fs.symlinkSync(Path.join(repository, "node_modules/effect"), Path.join(root, "node_modules/effect"))
    for (const [name, main] of Object.entries(packages)) {
      const directory = Path.join(root, "node_modules", name)
      Fs.mkdirSync(directory)
      Fs.writeFileSync(Path.join(directory, "package.json"), `{ "name": "${name}", "main": "main.cjs" }`)
      Fs.writeFileSync(Path.join(directory, "main.cjs"), main)
    }
    return root
  })

const report = `
  import * as Effect from "effect/Effect"
  import * as Layer from "effect/Layer"
  import * as Native from "./dist/resource/Native.js"
  const built = Effect.scoped(Layer.build(Native.layer))
  const capabilities = await Effect.runPromise(Native.capabilities)
  const { _tag, reason } = await Effect.runPromise(Effect.flip(built))
  console.log(JSON.stringify({ _tag, reason, message: reason.message, capabilities }))`

const reported = Effect.fnUntraced(function*(packages: Readonly<Record<string, string>>) {
  const cwd = yield* installed(packages)
  const ended = yield* runCommand(process.execPath, ["--input-type=module", "-e", report], { cwd })
  assert.strictEqual(ended.stderr, "")
  return JSON.parse(ended.stdout)
})

describe("koffi", () => {
  it.live("that is not installed: what to do", () =>
    Effect.gen(function*() {
      const { _tag, capabilities, message, reason } = yield* reported({})
      assert.strictEqual(_tag, "ResourceError")
      assert.deepStrictEqual(reason, { _tag: "NativeMissing", package: "koffi", install: "npm install koffi" })
      assert.strictEqual(message, "the package koffi is not installed: npm install koffi")
      for (const name of ["calls", "sharedMemory", "sealedMemory", "promptRemoval", "descriptors", "credentials"]) {
        assert.deepStrictEqual(capabilities[name], { available: false, why: message })
      }
    }).pipe(Effect.scoped))

  it.live("that does not load, or lacks a part of its own: why", () =>
    Effect.gen(function*() {
      const broken = yield* reported({ koffi: `throw new Error("no binary for this machine")` })
      assert.deepStrictEqual(broken.reason, {
        _tag: "NativeFailed",
        package: "koffi",
        detail: "no binary for this machine"
      })
      const lacking = yield* reported({ koffi: `require("@koromix/koffi-nowhere-x64")` })
      assert.strictEqual(lacking.reason._tag, "NativeFailed")
      assert.match(lacking.reason.detail, /Cannot find module '@koromix\/koffi-nowhere-x64'/)
    }).pipe(Effect.scoped))
})

describe.runIf(await natively("Native, here", "calls"))("here", () => {
  it.live("all can be done", () =>
    Effect.gen(function*() {
      const all = {
        calls: { available: true },
        sharedMemory: { available: true },
        sealedMemory: { available: true },
        promptRemoval: { available: true },
        descriptors: { available: true },
        handles: { available: true },
        credentials: { available: true }
      } as const
      assert.deepStrictEqual(yield* Native.capabilities, all)
      const { capabilities } = yield* Native.Native
      assert.deepStrictEqual(capabilities, all)
    }).pipe(Effect.provide(Native.layer)))

  it.live("without WebAssembly: no memory that is shared, and why", () =>
    Effect.gen(function*() {
      const program = `
        import * as Effect from "effect/Effect"
        import * as Native from "effect-multiprocessing/Native"
        console.log(JSON.stringify(await Effect.runPromise(Native.capabilities)))`
      const args = ["--jitless", "--input-type=module", "-e", program]
      const { stdout } = yield* runCommand(process.execPath, args, { cwd: repository })
      const { calls, sealedMemory, sharedMemory } = JSON.parse(stdout)
      assert.isTrue(calls.available)
      for (const capability of [sharedMemory, sealedMemory]) {
        assert.deepStrictEqual(capability, {
          available: false,
          why: "this Node.js runs without WebAssembly, whose memory can be mapped over"
        })
      }
    }))

  it.live("on a processor whose C library is not known: no descriptors that travel, and why", () =>
    Effect.gen(function*() {
      const program = `
        import koffi from "koffi"
        import * as Effect from "effect/Effect"
        import * as Native from "effect-multiprocessing/Native"
        import * as ResourceSharer from "effect-multiprocessing/ResourceSharer"
        Object.defineProperty(process, "arch", { value: "s390x" })
        const capabilities = await Effect.runPromise(Native.capabilities)
        const shared = Effect.flatMap(ResourceSharer.ResourceSharer, ({ share }) => Effect.flip(share([0])))
        const { reason } = await Effect.runPromise(
          shared.pipe(Effect.provide(ResourceSharer.layer), Effect.provide(Native.layer), Effect.scoped)
        )
        console.log(JSON.stringify({ capabilities, reason }))`
      const args = ["--input-type=module", "-e", program]
      const { stderr, stdout } = yield* runCommand(process.execPath, args, { cwd: repository })
      assert.strictEqual(stderr, "")
      const { capabilities, reason } = JSON.parse(stdout)
      const why = "what the C library takes is not known for s390x"
      assert.isTrue(capabilities.sharedMemory.available)
      for (const capability of [capabilities.descriptors, capabilities.credentials]) {
        assert.deepStrictEqual(capability, { available: false, why })
      }
      assert.deepStrictEqual(reason, { _tag: "SystemCallFailed", call: "unknown", code: "ENOSYS", detail: why })
    }))

  it.live("a Layer that nobody makes segments with starts nothing", () =>
    Effect.gen(function*() {
      const started = process.getActiveResourcesInfo().filter((name) => name === "ProcessWrap")
      yield* Layer.build(Native.layer)
      assert.deepStrictEqual(process.getActiveResourcesInfo().filter((name) => name === "ProcessWrap"), started)
    }).pipe(Effect.scoped))
})

/** A connected pair: the end that connected, and the one that was accepted. */
const pair = (address: string | number) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const server = Net.createServer()
      const accepted = once(server, "connection")
      await once(server.listen(address), "listening")
      const to = server.address()
      const client = typeof to === "string" ? Net.connect(to) : Net.connect(to!.port, "127.0.0.1")
      const [[socket]] = await Promise.all([accepted as Promise<[Net.Socket]>, once(client, "connect")])
      return { client, server, socket }
    }),
    ({ client, server, socket }) =>
      Effect.sync(() => {
        client.destroy()
        socket.destroy()
        server.close()
      })
  )

describe.runIf(await natively("Native.peerCredentials", "credentials"))("the other end of a socket", () => {
  const mine = { pid: process.pid, uid: process.getuid!(), gid: process.getgid!() }
  const reasonOf = (socket: Net.Socket) =>
    Effect.map(Effect.flip(Native.peerCredentials(socket)), ({ reason }) => reason)

  it.live("is this process at both", () =>
    Effect.gen(function*() {
      const { client, socket } = yield* pair(`${yield* folder}/socket`)
      assert.deepStrictEqual(yield* Native.peerCredentials(client), mine)
      assert.deepStrictEqual(yield* Native.peerCredentials(socket), mine)
    }).pipe(Effect.scoped, Effect.provide(Native.layer)))

  it.live("is another process, also when that has ended; as another user where we may be one", () =>
    Effect.gen(function*() {
      const place = yield* folder
      const path = `${place}/socket`
      const server = yield* Effect.acquireRelease(
        Effect.promise(async () => {
          // who reads would see the end, and close
          const server = Net.createServer({ pauseOnConnect: true })
          await once(server.listen(path), "listening")
          return server
        }),
        (server) => Effect.sync(() => server.close())
      )
      // root may become others; who is not keeps its own
      const [uid, gid] = mine.uid === 0 ? [12_345, 23_456] : [mine.uid, mine.gid]
      Fs.chmodSync(place, 0o755)
      Fs.chmodSync(path, 0o666)
      const accepted = once(server, "connection")
      const program = `require("node:net").connect(${JSON.stringify(path)}).resume()`
      const child = yield* Effect.acquireRelease(
        Effect.sync(() =>
          ChildProcess.spawn(process.execPath, ["-e", program], { uid, gid, stdio: "ignore", cwd: "/" })
        ),
        (child) =>
          Effect.promise(async () => {
            if (child.exitCode !== null || child.signalCode !== null) return
            child.kill("SIGKILL")
            await once(child, "exit")
          })
      )
      const [socket] = yield* Effect.promise(() => accepted as Promise<[Net.Socket]>)
      yield* Effect.addFinalizer(() => Effect.sync(() => socket.destroy()))
      const expected = { pid: child.pid!, uid, gid }
      assert.deepStrictEqual(yield* Native.peerCredentials(socket), expected)
      const ended = once(child, "exit")
      child.kill("SIGKILL")
      yield* Effect.promise(() => ended)
      assert.deepStrictEqual(yield* Native.peerCredentials(socket), expected)
    }).pipe(Effect.scoped, Effect.provide(Native.layer)))

  it.live("of TCP, of nobody, or of a pipe cannot be asked for", () =>
    Effect.gen(function*() {
      const { client, socket } = yield* pair(0)
      for (const end of [client, socket]) {
        assert.deepInclude(yield* reasonOf(end), {
          _tag: "InvalidOption",
          option: "socket",
          detail: "it is no Unix socket"
        })
      }
      socket.destroy()
      const connecting = Net.connect({ port: 1, host: "127.0.0.1" }).on("error", () => {})
      for (const nobody of [socket, new Net.Socket(), connecting]) {
        assert.deepInclude(yield* reasonOf(nobody), { _tag: "InvalidOption", detail: "it is not connected" })
      }
      connecting.destroy()
      const { stdout } = yield* runCommand("/bin/sh", [
        "-c",
        `printf x | "$0" --input-type=module -e "$1"`,
        process.execPath,
        `
        import * as Effect from "effect/Effect"
        import * as Native from "effect-multiprocessing/Native"
        const { reason } = await Effect.runPromise(
          Effect.flip(Native.peerCredentials(process.stdin)).pipe(Effect.provide(Native.layer))
        )
        console.log(reason._tag, reason.call, reason.code)
        process.exit()`
      ], { cwd: repository })
      assert.strictEqual(stdout, "SystemCallFailed getsockopt ENOTSOCK\n")
    }).pipe(Effect.scoped, Effect.provide(Native.layer)))
})
