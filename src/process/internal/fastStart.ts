/**
 * What makes a child load `effect` and this library in half the time. It is a matter of some 200 files, and Node.js
 * asks the system eight questions for each.
 *
 * A resolve hook answers what needs no asking: which file a relative import means, inside a package whose files lie
 * where they seem to. And to a module that says `import { Effect } from "effect"` it gives a barrel with that in it. The
 * URLs of modules are what they would be without the hook, so there is one copy of each, whoever imports it and how; a
 * barrel has nothing of its own. What is not understood is left to Node.js, and so is every error.
 */
import * as Fs from "node:fs"
import * as Module from "node:module"
import { fileURLToPath, pathToFileURL } from "node:url"
import * as Barrel from "./barrel.ts"

/** What a barrel's URL begins with; the rest is its text. */
const scheme = "data:text/javascript,"

const loaders =
  /(?:^|[\s"])(?:-r|--(?:import|require|loader|experimental-loader|preserve-symlinks|experimental-(?:default-)?config-file))(?=[=\s"]|$)/

/** Whether others have a say in what is loaded: their ways are not known. */
export const othersLoad = (execArgv: ReadonlyArray<string>, nodeOptions: string): boolean =>
  process.versions["pnp"] !== undefined ||
  [...execArgv, nodeOptions].some((options) => loaders.test(options.replaceAll("_", "-")))

const attempt = <A>(shortcut: () => A | undefined): A | undefined => {
  try {
    return shortcut()
  } catch {
    // Node.js will meet the same, and say it better.
    return undefined
  }
}

/** The files of `effect`, as a module sees it: its folder's URL. */
const homeOfEffect = (from: URL): string | undefined =>
  attempt(() => {
    const manifest = Module.createRequire(from).resolve("effect/package.json")
    const { sideEffects, type } = JSON.parse(Fs.readFileSync(manifest, "utf8"))
    // As a list it says that no other file does anything by being loaded.
    return type === "module" && Array.isArray(sideEffects)
      ? new URL("./dist/", pathToFileURL(manifest)).href
      : undefined
  })

/** The names of the modules that lie in a folder themselves; a link may lead anywhere. */
const modulesIn = (folder: string): ReadonlySet<string> => {
  const path = fileURLToPath(folder)
  const entries = Fs.realpathSync.native(path) + "/" === path ? Fs.readdirSync(path, { withFileTypes: true }) : []
  return new Set(entries.filter((entry) => entry.isFile() && entry.name.endsWith(".js")).map(({ name }) => name))
}

/** Installs the hook, for the library in the folder `library` and the user's module. */
export const install = (library: URL, module: URL): void => {
  if (!("registerHooks" in Module) || othersLoad(process.execArgv, process.env["NODE_OPTIONS"] ?? "")) return
  const effect = new Set([homeOfEffect(module), homeOfEffect(library)].filter((home) => home !== undefined))
  const homes = [library.href, ...effect]
  const homeOf = (url: string) => homes.find((home) => url.startsWith(home))

  const folders = new Map<string, ReadonlySet<string>>()
  const isModule = (url: string): boolean => {
    const slash = url.lastIndexOf("/") + 1
    const folder = url.slice(0, slash)
    let modules = folders.get(folder)
    if (modules === undefined) folders.set(folder, modules = modulesIn(folder))
    return modules.has(url.slice(slash))
  }

  const barrels = new Map<string, Barrel.Barrel | undefined>()
  const barrelAt = (url: string): Barrel.Barrel | undefined => {
    if (!barrels.has(url)) barrels.set(url, Barrel.read(Fs.readFileSync(fileURLToPath(url), "utf8"), url))
    return barrels.get(url)
  }

  /** Relative imports of a package's own files, and the absolute ones of our barrels. */
  const within = (specifier: string, parent: string): string | undefined => {
    const home = homeOf(specifier[0] === "." ? parent : parent.startsWith(scheme) ? specifier : "")
    if (home === undefined) return undefined
    const { href } = new URL(specifier, parent)
    return href.startsWith(home) && isModule(href) ? href : undefined
  }

  const narrowed = (url: string, parent: string): string | undefined => {
    if (homeOf(url) === undefined || !parent.startsWith("file:")) return undefined
    const barrel = barrelAt(url)
    const names = barrel && Barrel.namesTaken(Fs.readFileSync(fileURLToPath(parent), "utf8"))
    const text = barrel && names && Barrel.narrow(barrel, names)
    return text && scheme + encodeURIComponent(text)
  }

  /** All files of the library mean the same by a name. */
  const named = new Map<string, Module.ResolveFnOutput>()

  Module.registerHooks({
    resolve: (specifier, context, next) => {
      const { conditions, parentURL: parent } = context
      if (parent === undefined || !Array.from(conditions).includes("import")) return next(specifier, context)
      const own = attempt(() => within(specifier, parent))
      if (own !== undefined) return { url: own, format: "module", shortCircuit: true }
      const known = parent.startsWith(library.href) && specifier[0] !== "." ? named.get(specifier) : undefined
      if (known !== undefined) return known
      const resolved = next(specifier, context)
      if (parent.startsWith(library.href)) named.set(specifier, { ...resolved, shortCircuit: true })
      const less = specifier === "effect" ? attempt(() => narrowed(resolved.url, parent)) : undefined
      return less === undefined ? resolved : { url: less, format: "module" }
    }
  })
}
