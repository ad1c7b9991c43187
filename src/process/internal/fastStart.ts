/**
 * What makes a child load `effect` and this library in half the time. It is a matter of some 200 files, and Node.js
 * asks the system eight questions for each.
 *
 * A resolve hook answers what needs no asking: which file a relative import means, inside a package whose files lie
 * where they seem to. And to a module that says `import { Effect } from "effect"` it gives a barrel with that in it. The
 * URLs of modules are what they would be without the hook, so there is one copy of each, whoever imports it and how; a
 * barrel has nothing of its own. What is not understood is left to Node.js, and so is every error.
 */
import * as Module from "node:module"
import { fileURLToPath } from "node:url"
import * as Barrel from "./barrel.ts"
import type { Packages } from "./packages.ts"

// see boot.ts
const Fs = process.getBuiltinModule("node:fs")

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

/** A copy of `effect`. */
interface EffectPackage {
  /** the URL of the folder of its modules */
  readonly home: string
  /** what `effect/Name` means, if by the rule for all names and not by one of its own */
  readonly named: (specifier: string) => string | undefined
}

const readEffect = (manifest: string | undefined): EffectPackage | undefined =>
  attempt(() => {
    if (manifest === undefined) return undefined
    const { exports, sideEffects, type } = JSON.parse(Fs.readFileSync(fileURLToPath(manifest), "utf8"))
    // As a list it says that no other file does anything by being loaded.
    if (type !== "module" || !Array.isArray(sideEffects)) return undefined
    const home = new URL("./dist/", manifest).href
    // Any other pattern has a slash in it, and no such name has.
    const plain = exports["./*"] === "./dist/*.js" &&
      !Object.keys(exports).some((key) => /^\.\/([^/]+\*|\*[^/]+)$/.test(key))
    return {
      home,
      named: (specifier) => {
        const name = plain ? /^effect\/(\w+)$/.exec(specifier)?.[1] : undefined
        return name === undefined || `./${name}` in exports ? undefined : `${home}${name}.js`
      }
    }
  })

/** A folder of a package: the modules that lie in it themselves (a link may lead anywhere), and what is known there. */
interface Folder {
  readonly modules: ReadonlySet<string>
  readonly known: Map<string, Module.ResolveFnOutput>
}

const read = (url: string): Folder => {
  const path = fileURLToPath(url)
  const entries = Fs.realpathSync.native(path) + "/" === path ? Fs.readdirSync(path, { withFileTypes: true }) : []
  const modules = entries.filter((entry) => entry.isFile() && entry.name.endsWith(".js"))
  return { modules: new Set(modules.map(({ name }) => name)), known: new Map() }
}

/** Installs the hook. */
export const install = ({ effect, host }: Packages): void => {
  if (!("registerHooks" in Module) || othersLoad(process.execArgv, process.env["NODE_OPTIONS"] ?? "")) return
  const library = new URL("../../", host).href
  const ours = readEffect(effect.library)
  const theirs = effect.module === effect.library ? ours : readEffect(effect.module)
  const homes = [library, ours?.home, theirs?.home].filter((home) => home !== undefined)

  const folders = new Map<string, Folder | undefined>()
  /** The folder that a module of a package lies in. */
  const folderOf = (url: string): Folder | undefined => {
    const at = url.slice(0, url.lastIndexOf("/") + 1)
    if (!folders.has(at)) {
      const ours = homes.some((home) => at.startsWith(home))
      folders.set(at, ours ? attempt(() => read(at)) : undefined)
    }
    return folders.get(at)
  }

  const barrels = new Map<string, Barrel.Barrel | undefined>()
  const barrelAt = (url: string): Barrel.Barrel | undefined => {
    if (!barrels.has(url)) barrels.set(url, Barrel.read(Fs.readFileSync(fileURLToPath(url), "utf8"), url))
    return barrels.get(url)
  }

  const existing = (url: string): string | undefined =>
    folderOf(url)?.modules.has(url.slice(url.lastIndexOf("/") + 1)) ? url : undefined

  const shortcut = (specifier: string, parent: string, here: Folder | undefined): string | undefined => {
    // Relative imports of a package's own files, what the library imports of effect, and what our barrels do.
    if (here !== undefined && specifier[0] === ".") return existing(new URL(specifier, parent).href)
    if (here !== undefined && parent.startsWith(library)) return existing(ours?.named(specifier) ?? "")
    return parent.startsWith(scheme) ? existing(specifier) : undefined
  }

  const narrowed = (url: string, parent: string): string | undefined => {
    if (folderOf(url) === undefined || !parent.startsWith("file:")) return undefined
    const barrel = barrelAt(url)
    if (barrel === undefined) return undefined
    const names = Barrel.namesTaken(Fs.readFileSync(fileURLToPath(parent), "utf8"))
    const text = names && Barrel.narrow(barrel, names)
    return text === undefined ? undefined : scheme + encodeURIComponent(text)
  }

  // All that a module imports is asked for in turn.
  let asking: string | undefined
  let here: Folder | undefined

  Module.registerHooks({
    resolve: (specifier, context, next) => {
      const parent = context.parentURL
      if (parent === undefined) return next(specifier, context)
      if (parent !== asking) {
        here = folderOf(parent)
        asking = parent
      }
      const known = here?.known.get(specifier)
      if (known !== undefined) return known

      const url = attempt(() => shortcut(specifier, parent, here))
      const resolved = url === undefined ? next(specifier, context) : { url, format: "module", shortCircuit: true }
      here?.known.set(specifier, { ...resolved, shortCircuit: true })
      if (specifier !== "effect") return resolved
      const less = attempt(() =>
        Array.from(context.conditions).includes("import") ? narrowed(resolved.url, parent) : undefined
      )
      return less === undefined ? resolved : { url: less, format: "module" }
    }
  })
}
