/**
 * A project with its own packages, whose modules import `effect` in every way there is. Children that load it fast must
 * see what others see.
 */
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import * as ProcessLayer from "effect-multiprocessing/ProcessLayer"
import * as Effect from "effect/Effect"
import * as Fs from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath, pathToFileURL } from "node:url"
import * as Barrel from "../../src/process/internal/barrel.ts"
import * as FastStart from "../../src/process/internal/fastStart.ts"
import { Checks } from "../fixtures/oneCopy/src/contract.ts"
import * as Tricks from "../fixtures/oneCopy/tricks.ts"
import { folder } from "../support/spawned.ts"

const repository = fileURLToPath(new URL("../..", import.meta.url))
const fixtures = join(repository, "test/fixtures/oneCopy")

/** The real path: so modules are named. */
let project: string

/** `effect` with another version, as a copy without what is not run. */
const copyEffect = (target: string, version: string): void => {
  const source = join(repository, "node_modules/effect")
  Fs.cpSync(join(source, "dist"), join(target, "dist"), {
    recursive: true,
    filter: (path) => !/\.(map|d\.ts)$/.test(path)
  })
  const manifest = JSON.parse(Fs.readFileSync(join(source, "package.json"), "utf8"))
  Fs.writeFileSync(join(target, "package.json"), JSON.stringify({ ...manifest, version }))
}

beforeAll(() => {
  project = Fs.mkdtempSync(join(Fs.realpathSync(tmpdir()), "emp project é%20#-"))
  const packages = join(project, "node_modules")
  Fs.cpSync(join(fixtures, "packages"), packages, { recursive: true })
  copyEffect(join(packages, "nested/node_modules/effect"), "4.0.99")
  Fs.mkdirSync(join(packages, "@effect"))
  for (const name of ["effect", "@effect/platform-node"]) {
    Fs.symlinkSync(join(repository, "node_modules", name), join(packages, name))
  }
  Fs.symlinkSync(repository, join(packages, "effect-multiprocessing"))
  Fs.writeFileSync(join(project, "package.json"), JSON.stringify({ name: "project", private: true, type: "module" }))
  Fs.cpSync(join(fixtures, "src"), join(project, "src"), { recursive: true })

  const tricks = join(project, "src/tricks")
  Fs.mkdirSync(tricks)
  const index = Object.entries({ whole: Tricks.whole, some: Tricks.some }).map(([group, modules]) => {
    const names = Object.keys(modules)
    for (const name of names) Fs.writeFileSync(join(tricks, `${group}.${name}.js`), modules[name]!)
    return [
      ...names.map((name) => `import * as ${group}_${name} from "./${group}.${name}.js"`),
      `export const ${group} = { ${names.map((name) => `${name}: ${group}_${name}`).join(", ")} }`
    ].join("\n")
  })
  Fs.writeFileSync(join(tricks, "index.js"), index.join("\n"))
})

afterAll(() => Fs.rmSync(project, { recursive: true, force: true }))

const module = (file: string) => pathToFileURL(join(project, "src", file))

interface Options {
  readonly fastStart: boolean
  readonly env?: Readonly<Record<string, string>>
  readonly execArgv?: ReadonlyArray<string>
}

/** What a module of the project says, in a child of its own. */
const ask = (file: string, { fastStart, ...options }: Options) =>
  Effect.flatMap(Checks, ({ all }) => all()).pipe(
    Effect.provide(ProcessLayer.make({ module: module(file), services: [Checks], ...options })),
    Effect.provide(ProcessLayer.spawnWith({ fastStart }))
  )

/** The files of `effect` that a child loads. */
const loaded = (file: string, options: Options) =>
  Effect.gen(function*() {
    const coverage = yield* folder
    yield* ask(file, { ...options, env: { ...options.env, NODE_V8_COVERAGE: coverage } })
    const [report] = Fs.readdirSync(coverage)
    const { result } = JSON.parse(Fs.readFileSync(join(coverage, report!), "utf8"))
    return (result as ReadonlyArray<{ readonly url: string }>).flatMap(({ url }) =>
      url.includes("/effect/dist/") ? [url.replace(/.*\/effect\/dist\//, "")] : []
    )
  })

describe("one copy of effect and of this library", () => {
  for (const fastStart of [true, false]) {
    it.live(`whatever way they are imported (fastStart: ${fastStart})`, () =>
      Effect.gen(function*() {
        assert.deepStrictEqual(yield* ask("live.js", { fastStart }), {
          deep: true,
          thirdBarrel: true,
          thirdDeep: true,
          thirdLibrary: true,
          required: true,
          requiredLater: true,
          importedByCommonJs: true,
          dynamic: true,
          weakMaps: true,
          key: true,
          thirdKey: true,
          thirdSchema: true,
          platform: true,
          nested: true,
          internal: "ERR_PACKAGE_PATH_NOT_EXPORTED",
          internalOfLibrary: "ERR_PACKAGE_PATH_NOT_EXPORTED",
          missing: ["ERR_MODULE_NOT_FOUND", "ERR_MODULE_NOT_FOUND"],
          hooked: true,
          resolved: ["effect/dist/index.js", "effect/dist/Effect.js"],
          typed: true,
          whole: [],
          some: []
        })
      }))
  }
})

describe("what a child loads", () => {
  const onlyInTheBarrel = "Graph.js"

  it.live("of the barrel only what its modules name", () =>
    Effect.gen(function*() {
      const fast = yield* loaded("barrel.live.js", { fastStart: true })
      assert.include(fast, "Schema.js")
      assert.notInclude(fast, onlyInTheBarrel)
      assert.include(yield* loaded("barrel.live.js", { fastStart: false }), onlyInTheBarrel)
    }))

  const loader = join(repository, "test/fixtures/oneCopy/packages/third-cjs/index.cjs")
  for (
    const [how, options] of [
      ["as an argument", { execArgv: ["--require", loader] }],
      ["in the environment", { env: { NODE_OPTIONS: `--import "${pathToFileURL(loader)}"` } }]
    ] as const
  ) {
    it.live(`all that Node.js finds, where others load, too (${how})`, () =>
      Effect.gen(function*() {
        assert.include(yield* loaded("barrel.live.js", { fastStart: true, ...options }), onlyInTheBarrel)
      }))
  }
})

describe("the names that a module takes from effect", () => {
  const names = (source: string) => {
    const taken = Barrel.namesTaken(source)
    return taken === undefined ? undefined : Array.from(taken).toSorted()
  }

  for (const [trick, source] of Object.entries({ ...Tricks.whole, ...Tricks.some })) {
    it(trick, () => assert.deepStrictEqual(names(source), Tricks.narrow[trick]))
  }

  it("are no types", () => {
    assert.deepStrictEqual(
      names([
        `import type { Layer } from "effect"`,
        `import type * as All from "effect"`,
        `import type Default from "effect"`,
        `import { type Context, Effect, type Schema as S } from "effect"`,
        `export type { Option } from "effect"`
      ].join("\n")),
      ["Effect"]
    )
  })

  it("may be none where the file is loaded all the same", () => {
    assert.deepStrictEqual(names(`import { type Layer, type Option } from "effect"`), [])
    assert.isUndefined(names(`import type { Layer } from "effect"`))
    assert.strictEqual(Barrel.narrow(new Map(), new Set()), "")
  })

  it("are known to the barrel, and to no other text", () => {
    const url = "file:///effect/dist/index.js"
    const barrel = Barrel.read(
      `/** all */\nexport {\n/** a */\nflow, // b\npipe } from "./Function.js";\nexport * as Effect from "./Effect.js";\n`,
      url
    )!
    assert.strictEqual(
      Barrel.narrow(barrel, new Set(["pipe", "Effect"])),
      `export * as Effect from "file:///effect/dist/Effect.js"\nexport { pipe } from "file:///effect/dist/Function.js"`
    )
    assert.isUndefined(Barrel.narrow(barrel, new Set(["pipe", "Nothing"])))
    assert.isUndefined(Barrel.read(`export * as Effect from "./Effect.js"\nconsole.log(1)`, url))
    assert.isUndefined(Barrel.read(`export * from "./Effect.js"`, url))
  })

  it("others who load are recognised", () => {
    for (
      const argument of ["--import=x", "--require", "-r", "--experimental_loader=x", "--loader", "--preserve-symlinks"]
    ) {
      assert.isTrue(FastStart.othersLoad([argument], ""), argument)
      assert.isTrue(FastStart.othersLoad([], `--no-warnings ${argument} y`), argument)
    }
    assert.isFalse(FastStart.othersLoad(["--conditions", "x", "--no-require-module"], "--max-old-space-size=100"))
  })
})
