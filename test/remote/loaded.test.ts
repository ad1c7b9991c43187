/** A child imports declarations and hosts them: what only addresses need is not loaded for that. */
import { assert, describe, it } from "@effect/vitest"
import { readdirSync, readFileSync } from "node:fs"

const src = new URL("../../src/", import.meta.url)

/** All files that importing one of them loads; what is imported for its types alone is none. */
const loaded = (entry: string): ReadonlySet<string> => {
  const seen = new Set<string>()
  const visit = (url: URL): void => {
    const path = url.href.slice(src.href.length)
    if (seen.has(path)) return
    seen.add(path)
    const statements = readFileSync(url, "utf8").matchAll(/^(?:import|export) (?!type )[^"=(]*?"(\.{1,2}\/[^"]+)"/gm)
    for (const [, to] of statements) visit(new URL(to!, url))
  }
  visit(new URL(entry, src))
  return seen
}

const ofFolder = (folder: string) => (entry: string) =>
  [...loaded(entry)].filter((path) => path.startsWith(`${folder}/`))
const connections = ofFolder("connection")
const resources = ofFolder("resource")

describe("without connections and what only the system has load", () => {
  for (const entry of ["remote/Remote.ts", "process/internal/host.ts", "process/internal/boot.ts"]) {
    it(entry, () => {
      assert.isAbove(loaded(entry).size, 3)
      assert.deepStrictEqual(connections(entry), [])
      assert.deepStrictEqual(resources(entry), [])
    })
  }

  it("which RemoteServer does load", () => assert.isAbove(connections("remote/RemoteServer.ts").length, 10))

  it("which Native does load", () => assert.include(resources("resource/Native.ts"), "resource/internal/system.ts"))
})

it("one file loads koffi, and only when it is asked for", () => {
  const files = readdirSync(src, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".ts"))
  assert.isAbove(files.length, 50)
  const mentions = files.filter((name) => /(?:from|import\() ?"koffi"/.test(readFileSync(new URL(name, src), "utf8")))
  assert.deepStrictEqual(mentions, ["resource/internal/system.ts"])
  assert.notMatch(readFileSync(new URL(mentions[0]!, src), "utf8"), /from "koffi"/)
})
