/**
 * The packages that a child will use: those that its module sees. They are looked for in the parent, where Node.js has
 * done this before; a child would need some 4 ms of its start for it.
 */
import { createRequire } from "node:module"
import { pathToFileURL } from "node:url"

export interface Packages {
  /** the URL of the `host.ts` of the library that the module sees; of ours, where its place knows none by name */
  readonly host: string
  /** the URLs of the manifests of `effect` that the library and the module see */
  readonly effect: { readonly library: string | undefined; readonly module: string | undefined }
}

const find = (from: URL, specifier: string): URL | undefined => {
  try {
    return pathToFileURL(createRequire(from).resolve(specifier))
  } catch {
    // It is nowhere, or that is no place for packages. The child will say so, if it matters.
    return undefined
  }
}

const extensionOf = (url: URL | string): string => String(url).endsWith(".ts") ? ".ts" : ".js"

export const seenFrom = (module: URL): Packages => {
  const library = find(module, "effect-multiprocessing/ProcessLayer") ??
    new URL(`../ProcessLayer${extensionOf(import.meta.url)}`, import.meta.url)
  const host = new URL(`./internal/host${extensionOf(library)}`, library)
  const effect = (from: URL) => find(from, "effect/package.json")?.href
  return { host: host.href, effect: { library: effect(host), module: effect(module) } }
}
