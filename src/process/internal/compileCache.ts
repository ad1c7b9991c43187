/**
 * A compile cache for our children: what one has compiled, the next ones need not. Node.js keeps it, by version, path
 * and content; where it is, when it is written and how large it may be is up to us.
 *
 * Children execute what is in it. So it is in a folder of this user that nobody else may look into, and off where that
 * is not certain. Nothing depends on it: what cannot be read or written is compiled.
 */
import * as Module from "node:module"
import * as Path from "node:path"
import * as OwnFolder from "../../guard/internal/ownFolder.ts"

// see boot.ts
const Fs = process.getBuiltinModule("node:fs")

/** The cache that children of all processes of this user have in common: beside the run directories. */
export const folderBeside = (runDirectory: string): string => Path.join(Path.dirname(runDirectory), "cache")

/** Turns the cache on, unless the user has one of his own or wants none. */
export const enable = (folder: string): void => {
  // Coverage is less exact with it.
  if (process.env["NODE_V8_COVERAGE"] !== undefined) return
  try {
    if (Module.getCompileCacheDir() !== undefined) return
    const refusal = OwnFolder.refusal(Path.dirname(folder)) ?? OwnFolder.make(folder)
    if (refusal === undefined) Module.enableCompileCache(folder)
  } catch {
    // no such folder, or it cannot be made; a Node.js without such a cache
  }
}

/** milliseconds; by then a child that was started for calls has had the first of them */
const pause = 250

/**
 * Writes what has been compiled as soon as the process has nothing to do: else it would do so at its orderly end, or
 * never if it is killed. It takes some 30 ms when all is new, and none when nothing is. Returns what stops it.
 */
export const flushWhen = (isIdle: () => boolean, folder: string): () => void => {
  const current = Module.getCompileCacheDir()
  if (current === undefined || Path.dirname(current) !== folder) return () => {}
  const timer = setInterval(() => {
    if (!isIdle()) return
    clearInterval(timer)
    Module.flushCompileCache()
  }, pause).unref()
  return () => clearInterval(timer)
}

/** A child's share is some 200 files, 1.5 MB in all, for each version of Node.js and each place where `effect` lies. */
const most = 8192
const longest = 30 * 24 * 3_600_000

/**
 * Removes versions that nothing has been added to for long, and of too many files the oldest half. Whoever is going to
 * start children does this, so the cache is bounded; another one may be at it, too.
 */
export const trim = async (
  folder: string,
  limits: { readonly files: number; readonly age: number } = { files: most, age: longest }
): Promise<void> => {
  const { lstat, readdir, rm } = Fs.promises
  const files: Array<string> = []
  try {
    if (OwnFolder.refusal(folder) !== undefined) return
    for (const version of await readdir(folder)) {
      const path = Path.join(folder, version)
      const { mtimeMs } = await lstat(path)
      if (mtimeMs < Date.now() - limits.age) await rm(path, { recursive: true })
      else files.push(...(await readdir(path).catch(() => [])).map((name) => Path.join(path, name)))
    }
    if (files.length <= limits.files) return
    const aged = await Promise.all(files.map(async (path) => ({ path, age: -(await lstat(path)).mtimeMs })))
    const oldest = aged.toSorted((a, b) => b.age - a.age).slice(0, Math.ceil(files.length / 2))
    for (const { path } of oldest) await rm(path, { force: true })
  } catch {
    // There is none yet, or it changes meanwhile: the next one will see to it.
  }
}
