/**
 * Runs the tests on every Node.js that the package supports, each taken from its npm package into a cache.
 *
 *     npm run test:nodes [-- VERSION ... [-- ARGUMENT OF VITEST ...]]
 */
import { execFileSync, spawnSync } from "node:child_process"
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { delimiter, join } from "node:path"
import { fileURLToPath } from "node:url"

const repository = fileURLToPath(new URL("..", import.meta.url))
const cache = join(repository, "node_modules/.cache/nodes")

/** milliseconds for the tests on one version */
const limit = 30 * 60_000

interface Outcome {
  readonly version: string
  readonly passed: number
  readonly failed: number
  readonly ok: boolean
  readonly seconds: number
}

/** The newest of a major version, or exactly the version that was asked for. */
const install = (version: string): string => {
  const home = join(cache, version)
  const bin = join(home, `node_modules/node-${process.platform}-${process.arch}/bin`)
  if (!existsSync(join(bin, "node"))) {
    mkdirSync(home, { recursive: true })
    writeFileSync(join(home, "package.json"), `{ "private": true }`)
    const name = `node-${process.platform}-${process.arch}@${version}`
    execFileSync("npm", ["install", "--prefix", home, "--no-package-lock", "--no-audit", "--no-fund", name], {
      stdio: ["ignore", "ignore", "inherit"],
      timeout: 5 * 60_000
    })
  }
  return bin
}

const test = (version: string, args: ReadonlyArray<string>): Outcome => {
  const bin = install(version)
  const node = join(bin, "node")
  const exact = execFileSync(node, ["--version"], { encoding: "utf8" }).trim()
  console.log(`\n== Node.js ${exact}\n`)
  const report = join(cache, `${version}.json`)
  rmSync(report, { force: true })
  const begin = performance.now()
  const { error, signal, status } = spawnSync(node, [
    join(repository, "node_modules/vitest/vitest.mjs"),
    "run",
    "--reporter=default",
    "--reporter=json",
    `--outputFile.json=${report}`,
    ...args
  ], {
    cwd: repository,
    // programs that the tests start by name are of this version, too
    env: { ...process.env, PATH: `${bin}${delimiter}${process.env["PATH"]}` },
    stdio: ["ignore", "inherit", "inherit"],
    timeout: limit
  })
  if (error !== undefined || signal !== null) console.error(`ended by ${error?.message ?? signal}`)
  const { numFailedTests: failed = 0, numPassedTests: passed = 0 } = existsSync(report)
    ? JSON.parse(readFileSync(report, "utf8"))
    : {}
  return { version: exact, passed, failed, ok: status === 0, seconds: (performance.now() - begin) / 1000 }
}

const given = process.argv.slice(2)
const split = given.indexOf("--")
const versions = split < 0 ? given : given.slice(0, split)
const args = split < 0 ? [] : given.slice(split + 1)

const outcomes = (versions.length === 0 ? ["22", "24", "26"] : versions).map((version) => test(version, args))

console.log("")
for (const { failed, ok, passed, seconds, version } of outcomes) {
  const counts = `${passed} passed, ${failed} failed`
  console.log(`${version.padEnd(10)} ${ok ? "ok" : "NOT OK"}: ${counts}, ${seconds.toFixed(0)} s`)
}
process.exitCode = outcomes.every(({ ok }) => ok) ? 0 : 1
