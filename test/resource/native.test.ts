import { assert, describe, it } from "@effect/vitest"
import * as Native from "effect-multiprocessing/Native"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Fs from "node:fs"
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
      for (const name of ["calls", "sharedMemory", "sealedMemory", "promptRemoval"]) {
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
        promptRemoval: { available: true }
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

  it.live("a Layer that nobody makes segments with starts nothing", () =>
    Effect.gen(function*() {
      const started = process.getActiveResourcesInfo().filter((name) => name === "ProcessWrap")
      yield* Layer.build(Native.layer)
      assert.deepStrictEqual(process.getActiveResourcesInfo().filter((name) => name === "ProcessWrap"), started)
    }).pipe(Effect.scoped))
})
