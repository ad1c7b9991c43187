/** What the package's own files promise to those who work on it. */
import { assert, it } from "@effect/vitest"
import { readFileSync } from "node:fs"

const read = (name: string): string => readFileSync(new URL(`../../${name}`, import.meta.url), "utf8")

const { engines } = JSON.parse(read("package.json"))

const numbers = (version: string): ReadonlyArray<number> => version.split(".").map(Number)

it("runs on a Node.js that the package supports", () => {
  const [major, minor] = numbers(process.versions.node)
  const [leastMajor, leastMinor] = numbers(/^>=(\d+\.\d+\.\d+)$/.exec(engines.node)![1]!)
  assert.isTrue(
    major! > leastMajor! || (major === leastMajor && minor! >= leastMinor!),
    `Node.js ${process.version} runs the tests, ${engines.node} is needed. ` +
      "`npm test` brings its own: the development dependency `node`. Was `npm ci` run, and vitest by npm?"
  )
})

it("locks versions and hashes, and no registry's address", () => {
  const { packages } = JSON.parse(read("package-lock.json"))
  const entries = Object.entries<{ readonly resolved?: string; readonly integrity?: string }>(packages)
  assert.isAbove(entries.filter(([, { integrity }]) => integrity !== undefined).length, 50)
  assert.deepStrictEqual(entries.filter(([, { resolved }]) => resolved !== undefined).map(([name]) => name), [])
})
