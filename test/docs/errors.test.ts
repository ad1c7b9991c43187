import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"
import { readFileSync } from "node:fs"
import { ConnectionErrorReason } from "../../src/connection/ConnectionError.ts"
import { ContainerErrorReason } from "../../src/manager/ContainerError.ts"
import { SyncErrorReason } from "../../src/manager/SyncError.ts"
import { HandleClosed, ProcessError, ProcessErrorReason, SpawnerClosed } from "../../src/process/ProcessError.ts"
import { ManagerErrorReason } from "../../src/remote/ManagerError.ts"
import { ResourceErrorReason } from "../../src/resource/ResourceError.ts"
import { CallTimeout, Disconnected, ProcessExited, RemoteError, RemoteErrorReason } from "../../src/wire/RemoteError.ts"

const page = readFileSync(new URL("../../docs/errors.md", import.meta.url), "utf8")

/** the table under a heading: for each reason the names of its fields */
const documented = (heading: string): Record<string, ReadonlyArray<string>> => {
  const section = page.split(/^## /m).find((section) => section.startsWith(`${heading}\n`))!
  const rows = section.split("\n").filter((line) => line.startsWith("| `"))
  return Object.fromEntries(rows.map((row) => {
    const cells = row.split(" | ").map((cell) => cell.replace(/^\| |\|$/g, "").trim())
    assert.lengthOf(cells, 4, row)
    for (const cell of cells) assert.notStrictEqual(cell, "", row)
    return [cells[0]!.replaceAll("`", ""), [...cells[1]!.matchAll(/`(\w+)`/g)].map(([, name]) => name!)]
  }))
}

const inCode = (
  union: { readonly members: ReadonlyArray<{ readonly fields: Schema.Struct.Fields }> }
): Record<string, ReadonlyArray<string>> =>
  Object.fromEntries(union.members.map(({ fields }) => {
    const { _tag, ...others } = fields
    return [(_tag as Schema.tag<string>).schema.literal, Object.keys(others)]
  }))

describe("docs/errors.md lists every reason with its fields, and no other", () => {
  it("of RemoteError", () => assert.deepStrictEqual(documented("RemoteError"), inCode(RemoteErrorReason)))
  it("of ProcessError", () => assert.deepStrictEqual(documented("ProcessError"), inCode(ProcessErrorReason)))
  it("of ConnectionError", () => assert.deepStrictEqual(documented("ConnectionError"), inCode(ConnectionErrorReason)))
  it("of ManagerError", () => assert.deepStrictEqual(documented("ManagerError"), inCode(ManagerErrorReason)))
  it("of ContainerError", () => assert.deepStrictEqual(documented("ContainerError"), inCode(ContainerErrorReason)))
  it("of SyncError", () => assert.deepStrictEqual(documented("SyncError"), inCode(SyncErrorReason)))
  it("of ResourceError", () => assert.deepStrictEqual(documented("ResourceError"), inCode(ResourceErrorReason)))

  it("which were found in the code", () => {
    assert.include(Object.keys(inCode(RemoteErrorReason)), "EncodeFailed")
    assert.deepStrictEqual(inCode(ProcessErrorReason)["SpawnerClosed"], [])
    assert.deepStrictEqual(inCode(ProcessErrorReason)["HandleClosed"], ["name"])
  })
})

it("its links lead somewhere", () => {
  const anchors = (text: string) =>
    [...text.matchAll(/^#+ (.+)$/gm)].map(([, title]) =>
      title!.toLowerCase().replace(/[^\w -]/g, "").replaceAll(" ", "-")
    )
  const links = [...page.matchAll(/\]\(([^)#]*)#?([^)]*)\)/g)]
  assert.isAbove(links.length, 0)
  for (const [link, file, anchor] of links) {
    const text = file === "" ? page : readFileSync(new URL(`../../docs/${file}`, import.meta.url), "utf8")
    assert.include(anchors(text), anchor, link)
  }
})

describe("reasons are matched as the page says", () => {
  const timeout = new RemoteError({ reason: new CallTimeout({ method: "app/f", timeout: 5 }) })
  const lost = new RemoteError({ reason: new Disconnected({ peer: "x", detail: "gone" }) })
  const exited = new RemoteError({
    reason: new ProcessExited({
      name: "x",
      pid: 1,
      exitCode: -9,
      signal: "SIGKILL",
      stderr: undefined,
      outOfMemory: "cgroup",
      detail: undefined
    })
  })
  const call = (error: RemoteError): Effect.Effect<string, RemoteError> => Effect.fail(error)

  it.effect("one of them", () =>
    Effect.gen(function*() {
      const caught = (error: RemoteError) =>
        call(error).pipe(Effect.catchReason("RemoteError", "ProcessExited", ({ exitCode, outOfMemory }) =>
          Effect.succeed(`${exitCode} ${outOfMemory}`)))
      assert.strictEqual(yield* caught(exited), "-9 cgroup")
      assert.strictEqual(yield* Effect.flip(caught(lost)), lost)
    }))

  it.effect("several, and the rest", () =>
    Effect.gen(function*() {
      const caught = (error: RemoteError): Effect.Effect<string, RemoteError> =>
        call(error).pipe(Effect.catchReasons("RemoteError", {
          CallTimeout: ({ timeout }) => Effect.succeed(`late by ${timeout}`),
          ProcessExited: ({ name }) => Effect.succeed(name)
        }, (reason) => Effect.succeed(`else ${reason._tag}`)))
      assert.strictEqual(yield* caught(timeout), "late by 5")
      assert.strictEqual(yield* caught(exited), "x")
      assert.strictEqual(yield* caught(lost), "else Disconnected")
    }))

  it.effect("unwrapped, and as a whole", () =>
    Effect.gen(function*() {
      const unwrapped = call(lost).pipe(
        Effect.unwrapReason("RemoteError"),
        Effect.catchTag("Disconnected", ({ detail }) => Effect.succeed(detail))
      )
      assert.strictEqual(yield* unwrapped, "gone")
      const whole = Effect.fail(new ProcessError({ reason: new HandleClosed({ name: "x" }) })).pipe(
        Effect.catchTag("ProcessError", ({ message, reason }) => Effect.succeed([reason._tag, message]))
      )
      assert.deepStrictEqual(yield* whole, ["HandleClosed", "the handle of x is closed"])
    }))

  it("the wrapper says what its reason says", () => {
    for (const error of [timeout, lost, exited]) assert.strictEqual(error.message, error.reason.message)
    assert.strictEqual(new ProcessError({ reason: new SpawnerClosed() }).message, "the Spawner is closed")
  })
})
