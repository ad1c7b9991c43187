/**
 * A barrel with less in it: `import { Effect, Schema } from "effect"` need not load what it does not name.
 *
 * A module's text says which names it takes, as long as all of it is understood. Where anything might take others,
 * nothing is said, and the whole barrel is loaded. Too many names do no harm, so comments and strings need no parser.
 */

/** What a barrel exports, each name with the statement that exports it. */
export type Barrel = ReadonlyMap<string, string>

const comments = /\/\*[\s\S]*?\*\/|\/\/.*/g
const namespaces = /export \* as (\w+) from "(\.\/[^"\\]+)";?/g
const selections = /export\s*\{([\w\s,]+)\}\s*from "(\.\/[^"\\]+)";?/g

/** Reads a barrel; none, if it does anything but to export from other files. */
export const read = (source: string, url: string): Barrel | undefined => {
  const barrel = new Map<string, string>()
  const from = (path: string) => `from ${JSON.stringify(new URL(path, url).href)}`
  const rest = source
    .replace(comments, "")
    .replace(namespaces, (_, name: string, path: string) => {
      barrel.set(name, `export * as ${name} ${from(path)}`)
      return ""
    })
    .replace(selections, (_, names: string, path: string) => {
      for (const name of names.split(",")) barrel.set(name.trim(), `export { ${name.trim()} } ${from(path)}`)
      return ""
    })
  return rest.trim() === "" ? barrel : undefined
}

/** The text of a barrel that has only some names; none, if it does not know them all. */
export const narrow = (barrel: Barrel, names: ReadonlySet<string>): string | undefined => {
  const statements = Array.from(names).toSorted().map((name) => barrel.get(name))
  return statements.includes(undefined) ? undefined : statements.join("\n")
}

/** By which a module could take what its plain imports do not name. */
const hidden: ReadonlyArray<RegExp> = [
  // import(...) of anything but a plain text
  /\bimport\s*\((?!\s*(["'])[^"'\\\n]*\1\s*[,)])/,
  // import.meta.resolve, an import.meta that is given away, import.defer
  /\bimport\s*\.(?!\s*meta\s*\.\s*(?:url|dirname|filename|main)\b)/,
  // a comment where a specifier is due, or one with an escape
  /\b(?:from|import)\s*(?:\/[*/]|(?:"[^"\n]*|'[^'\n]*)\\)/,
  // code that is put together at run time
  /\beval\b|\bFunction\s*\(|\bimportModuleDynamically\b/
]

const mentions = /(["'])effect\1/g

// Neither may a comment begin on the line before the statement, nor anything come between its last words: else what
// looks like a statement could be part of another one.
const named =
  /(?<=^(?:[^/\n]|\/(?![/*]))*)\b(?:import|export)(\s+type)?\s*\{([^{}]*)\}[^\S\n]*from[^\S\n]*(["'])effect\3/gm
const types = /^[^\S\n]*import\s+type\s+(?:\*\s*as\s+)?[\w$]+[^\S\n]+from[^\S\n]*(["'])effect\1/gm

const value = /^\s*([\w$]+)(?:\s+as\s+[\w$]+)?\s*$/
/** or nothing, after a last comma; a type is taken out by whoever compiles or runs the file */
const type = /^\s*(?:type\s+[\w$]+(?:\s+as\s+[\w$]+)?\s*)?$/

/** The names that a module takes from the package `effect`; none, if its text does not tell for certain. */
export const namesTaken = (source: string): ReadonlySet<string> | undefined => {
  if (hidden.some((pattern) => pattern.test(source))) return undefined
  const names = new Set<string>()
  let understood = source.match(types)?.length ?? 0
  let values = 0
  for (const [, typesOnly, clause = ""] of source.matchAll(named)) {
    understood++
    if (clause.includes("*/")) return undefined
    if (typesOnly !== undefined) continue
    values++
    for (const specifier of clause.replace(comments, "").split(",")) {
      const name = value.exec(specifier)?.[1]
      if (name !== undefined) names.add(name)
      else if (!type.test(specifier)) return undefined
    }
  }
  return understood === source.match(mentions)?.length && values > 0 ? names : undefined
}
