/** A child imports declarations and hosts them: what only addresses need is not loaded for that. */
import { assert, describe, it } from "@effect/vitest"
import { readFileSync } from "node:fs"

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

const connections = (entry: string) => [...loaded(entry)].filter((path) => path.startsWith("connection/"))

describe("without connections load", () => {
  for (const entry of ["remote/Remote.ts", "process/internal/host.ts", "process/internal/boot.ts"]) {
    it(entry, () => {
      assert.isAbove(loaded(entry).size, 3)
      assert.deepStrictEqual(connections(entry), [])
    })
  }

  it("which RemoteServer does load", () => assert.isAbove(connections("remote/RemoteServer.ts").length, 10))
})
