/** What `npm publish` would send out, used in a project of its own, far from this repository. */
import { assert, beforeAll, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { execFileSync } from "node:child_process"
import * as Fs from "node:fs"
import { createRequire } from "node:module"
import { tmpdir } from "node:os"
import { dirname, join, relative } from "node:path"
import { fileURLToPath, pathToFileURL } from "node:url"
import { afterAll } from "vitest"
import { run, runCommand } from "../support/program.ts"
import { folder } from "../support/spawned.ts"

const repository = fileURLToPath(new URL("../..", import.meta.url))
const name = "effect-multiprocessing"

interface Manifest {
  readonly name: string
  readonly exports: Readonly<Record<string, string>>
  readonly dependencies?: Readonly<Record<string, string>>
  readonly optionalDependencies?: Readonly<Record<string, string>>
  readonly peerDependencies?: Readonly<Record<string, string>>
}

const manifestIn = (directory: string): Manifest => JSON.parse(Fs.readFileSync(join(directory, "package.json"), "utf8"))

/** The folder of the user's project; its real path, since a loader names what it has loaded so. */
let project: string
let tarball: string

/** Where a package lies that another one depends on. */
const locate = (dependency: string, from: string): string | undefined =>
  createRequire(join(from, "package.json")).resolve.paths(dependency)!
    .map((path) => join(path, dependency))
    .find((path) => Fs.existsSync(join(path, "package.json")))

/** Copies a package, and all that it depends on, beside ours: what `npm install` does, without a network. */
const install = (dependency: string, from: string): void => {
  const target = join(project, "node_modules", dependency)
  const source = locate(dependency, from)
  if (source === undefined || Fs.existsSync(target)) return
  Fs.cpSync(source, target, {
    recursive: true,
    filter: (path) => !/\.map$|\/src$/.test(relative(source, path)) && relative(source, path) !== "src"
  })
  const { dependencies, optionalDependencies, peerDependencies } = manifestIn(source)
  for (const next of Object.keys({ ...dependencies, ...optionalDependencies, ...peerDependencies })) {
    install(next, source)
  }
}

const successfully = (command: string, args: ReadonlyArray<string>) =>
  Effect.map(runCommand(command, args), ({ code, stderr, stdout }) => assert.strictEqual(code, 0, stdout + stderr))

const tool = (name: string) => join(repository, "node_modules/.bin", name)

beforeAll(() => {
  project = Fs.mkdtempSync(join(Fs.realpathSync(tmpdir()), "emp project é%20#-"))
  const [packed] = JSON.parse(
    execFileSync("npm", ["pack", "--ignore-scripts", "--json", "--pack-destination", project], {
      cwd: repository,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"]
    })
  )
  tarball = join(project, packed.filename)
  const home = join(project, "node_modules", name)
  Fs.mkdirSync(home, { recursive: true })
  execFileSync("tar", ["xzf", tarball, "-C", home, "--strip-components", "1"])
  const { dependencies, peerDependencies } = manifestIn(home)
  for (const dependency of [...Object.keys({ ...dependencies, ...peerDependencies }), "@types/node"]) {
    install(dependency, repository)
  }

  Fs.writeFileSync(join(project, "package.json"), JSON.stringify({ name: "project", private: true, type: "module" }))
  Fs.cpSync(join(repository, "test/fixtures/package"), join(project, "src"), { recursive: true })
  Fs.writeFileSync(
    join(project, "tsconfig.json"),
    JSON.stringify({
      compilerOptions: {
        target: "ES2022",
        lib: ["ES2023", "ESNext.Disposable", "DOM"],
        module: "NodeNext",
        moduleResolution: "NodeNext",
        strict: true,
        types: ["node"],
        rootDir: "src",
        outDir: "built",
        rewriteRelativeImportExtensions: true
      },
      include: ["src"]
    })
  )
})

afterAll(() => Fs.rmSync(project, { recursive: true, force: true }))

const filesIn = (directory: string): ReadonlyArray<string> =>
  Fs.readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(directory, join(entry.parentPath, entry.name)))

/** The files that the processes of a run have loaded, one list a process. */
const loaded = (coverage: string): ReadonlyArray<ReadonlyArray<string>> =>
  Fs.readdirSync(coverage).map((file) =>
    (JSON.parse(Fs.readFileSync(join(coverage, file), "utf8")).result as ReadonlyArray<{ readonly url: string }>)
      .flatMap(({ url }) => url.startsWith("file:") ? [fileURLToPath(url)] : [])
  )

/** The folder of the package that a file belongs to, if it is one of `name`. */
const homeOf = (file: string, name: string): string | undefined => {
  const at = file.lastIndexOf("/node_modules/")
  return at >= 0 && file.startsWith(`${name}/`, at + "/node_modules/".length)
    ? `${file.slice(0, at)}/node_modules/${name}`
    : undefined
}

/** Runs the project's program, and looks at what its two children have loaded. */
const runs = (language: "ts" | "js", main: string) =>
  Effect.gen(function*() {
    const coverage = yield* folder
    const { code, stderr, stdout } = yield* run(join(project, main), [coverage], { cwd: project })
    assert.strictEqual(stderr, "")
    assert.strictEqual(code, 0)
    const live = join(project, dirname(main), `live.${language}`)
    assert.deepStrictEqual(JSON.parse(stdout), {
      letters: 5,
      refused: "Empty",
      hosted: { text: "HOSTED", module: pathToFileURL(live).href },
      started: { text: "STARTED", module: pathToFileURL(live).href }
    })
    const processes = loaded(coverage)
    assert.strictEqual(processes.length, 2)
    for (const files of processes) {
      assert.include(files, live)
      assert.deepStrictEqual(files.filter((file) => !file.startsWith(project)), [], "nothing from elsewhere")
      for (const only of ["effect", name]) {
        assert.deepStrictEqual([...new Set(files.flatMap((file) => homeOf(file, only) ?? []))], [
          join(project, "node_modules", only)
        ])
      }
    }
  })

describe("the package", () => {
  it("holds what it promises, and nothing else", () => {
    const files = filesIn(join(project, "node_modules", name))
    const promised = [
      /^(package\.json|README\.md|LICENSE)$/,
      /^src\/.+\.c?ts$/,
      /^dist\/.+(\.c?js|\.d\.c?ts)(\.map)?$/,
      /^docs\/.+\.(md|ts|py|svg)$/
    ]
    assert.deepStrictEqual(files.filter((file) => !promised.some((pattern) => pattern.test(file))), [])
    assert.deepStrictEqual(files.filter((file) => /(^|\/)test\/|\.test\.|tsbuildinfo|\.env/.test(file)), [])
    for (const file of ["package.json", "README.md", "LICENSE"]) assert.include(files, file)
    for (const source of filesIn(join(repository, "src"))) {
      const built = join("dist", source).replace(/ts$/, "js")
      for (const file of [join("src", source), built, `${built}.map`, built.replace(/js$/, "d.ts")]) {
        assert.include(files, file)
      }
    }
  })

  it.live("passes publint", () => successfully(tool("publint"), ["run", "--strict", tarball]))

  it.live("passes arethetypeswrong", () => successfully(tool("attw"), ["--profile", "esm-only", tarball]))
})

describe("a project that has installed it", () => {
  it.live("finds types for every path, and compiles", () => {
    const { exports } = manifestIn(join(project, "node_modules", name))
    const paths = Object.keys(exports).filter((path) => path !== "./package.json").map((path) => name + path.slice(1))
    assert.include(paths, `${name}/ProcessLayer`)
    Fs.writeFileSync(
      join(project, "src/paths.ts"),
      [
        "type IsAny<T> = 0 extends 1 & T ? true : false",
        ...paths.map((path, i) => `import * as Path${i} from "${path}"`),
        ...paths.map((_, i) =>
          `export const typed${i}: [IsAny<typeof Path${i}>, keyof typeof Path${i} extends never ? 0 : 1] = [false, 1]`
        )
      ].join("\n")
    )
    return successfully(tool("tsc"), ["-p", project])
  })

  it.live("imports every path", () =>
    Effect.gen(function*() {
      const { code, stderr } = yield* run(join(project, "built/paths.js"), [], { cwd: project })
      assert.strictEqual(stderr, "")
      assert.strictEqual(code, 0)
    }))

  it.live("runs its services and functions from TypeScript, with one copy of everything", () =>
    runs("ts", "src/main.ts"))

  it.live("runs them compiled, with one copy of everything", () => runs("js", "built/main.js"))

  it.live("has the command", () =>
    Effect.gen(function*() {
      const { bin } = JSON.parse(Fs.readFileSync(join(project, "node_modules", name, "package.json"), "utf8"))
      const command = join(project, "node_modules", name, bin[name])
      assert.match(Fs.readFileSync(command, "utf8"), /^#!\/usr\/bin\/env node\n/)
      const { code, stderr, stdout } = yield* run(command, ["top", "--json"], { cwd: project })
      assert.deepStrictEqual([code, stderr], [0, ""])
      assert.isArray(JSON.parse(stdout))
    }))

  const internal = [
    "dist/process/Process.js",
    "process/Process",
    "process/internal/boot",
    "internal/boot",
    "src/index.ts"
  ]
  for (const path of internal) {
    it.live(`cannot import ${path}`, () =>
      Effect.gen(function*() {
        const file = join(project, "internal.mjs")
        Fs.writeFileSync(file, `await import("${name}/${path}").catch(({ code }) => console.log(code))`)
        const { stdout } = yield* run(file, [], { cwd: project })
        assert.strictEqual(stdout.trim(), "ERR_PACKAGE_PATH_NOT_EXPORTED")
      }))
  }
})
