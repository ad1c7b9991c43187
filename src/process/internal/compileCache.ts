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
    const before = changed(current)
    Module.flushCompileCache()
    if (changed(current) !== before) void trim(folder)
  }, pause).unref()
  return () => clearInterval(timer)
}

const changed = (folder: string): number | undefined => Fs.statSync(folder, { throwIfNoEntry: false })?.mtimeMs

/** A child's share of the cache is about 1.5 MB for each version of Node.js and each place where `effect` lies. */
const largest = 64 << 20
const oldest = 30 * 24 * 3_600_000

/** Removes what is old, and the oldest of what is too much. Whoever has added to the cache does this, so it is bounded. */
export const trim = async (
  folder: string,
  limits: { readonly bytes: number; readonly age: number } = { bytes: largest, age: oldest }
): Promise<void> => {
  const entries = await Fs.promises.readdir(folder, { recursive: true, withFileTypes: true }).catch(() => [])
  const files: Array<{ readonly path: string; readonly size: number; readonly mtimeMs: number }> = []
  for (const entry of entries) {
    if (!entry.isFile()) continue
    const path = Path.join(entry.parentPath, entry.name)
    const stat = await Fs.promises.lstat(path).catch(() => undefined)
    if (stat !== undefined) files.push({ path, size: stat.size, mtimeMs: stat.mtimeMs })
  }
  let bytes = 0
  for (const { mtimeMs, path, size } of files.toSorted((a, b) => b.mtimeMs - a.mtimeMs)) {
    bytes += size
    // Another child may be at it, too.
    if (bytes > limits.bytes || mtimeMs < Date.now() - limits.age) await Fs.promises.rm(path).catch(() => {})
  }
}
