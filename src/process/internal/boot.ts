/**
 * The first file of a child. It knows nothing of `effect`: it reads what the parent prepared, and hands over to
 * the `host.ts` of the copy of this library that the user's module will use.
 */
import * as Net from "node:net"
import { fileURLToPath } from "node:url"
import * as Frames from "../../wire/internal/frames.ts"
import * as Inlet from "../../wire/internal/inlet.ts"
import * as CompileCache from "./compileCache.ts"
import * as FastStart from "./fastStart.ts"
import type * as Host from "./host.ts"
import { type Failure, frame, longestFrame, type Preparation, type Report } from "./preparation.ts"

// Not imported: an import asks for every export, and so loads the promises and streams of files.
const { existsSync } = process.getBuiltinModule("node:fs")

const inlet = Inlet.make()
const socket = new Net.Socket({ fd: 3, readable: true, writable: true, onread: inlet.onread })

// Until the host has taken over, a parent that is gone means that there is nothing to do here.
const leave = () => process.exit(1)
socket.once("close", leave)
socket.on("error", leave)
socket.resume()

const report = (message: Report): void => {
  socket.write(frame(message))
}

const fail = (failure: Failure): never => {
  socket.removeListener("close", leave)
  socket.end(frame({ at: "failed", failure }), () => process.exit(1))
  throw new Stopped()
}

/** Ends this file's run while the last report is on its way. */
class Stopped extends Error {}

/** The same declaration works from source and from a build: `.ts` and `.js` stand in for each other. */
const locate = (url: URL): URL => {
  if (url.protocol !== "file:") return url
  const other = new URL(url)
  other.pathname = url.pathname.replace(
    /\.([cm]?)([jt])s$/,
    (_, kind, language) => `.${kind}${language === "t" ? "j" : "t"}s`
  )
  // Node strips no types inside node_modules: there a build comes first.
  const candidates = url.pathname.includes("/node_modules/") && other.pathname.endsWith("js")
    ? [other, url]
    : [url, other]
  return candidates.find((candidate) => existsSync(fileURLToPath(candidate))) ?? url
}

const notFound = new Set([
  "ERR_MODULE_NOT_FOUND",
  "MODULE_NOT_FOUND",
  "ERR_PACKAGE_PATH_NOT_EXPORTED",
  "ERR_PACKAGE_IMPORT_NOT_DEFINED",
  "ERR_UNSUPPORTED_DIR_IMPORT",
  "ERR_INVALID_MODULE_SPECIFIER",
  "ENOENT"
])
const unreadable = new Set([
  "ERR_UNKNOWN_FILE_EXTENSION",
  "ERR_INVALID_TYPESCRIPT_SYNTAX",
  "ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX",
  "ERR_UNSUPPORTED_NODE_MODULES_TYPE_STRIPPING"
])

const importFailure = (error: unknown): Extract<Failure, { readonly detail: string }> => {
  const { code, message, stack } = error instanceof Error
    ? error as NodeJS.ErrnoException
    : { code: undefined, message: String(error), stack: "" }
  if (code !== undefined && notFound.has(code)) return { _tag: "ModuleNotFound", detail: message }
  const remoteStack = stack ?? ""
  // A SyntaxError without a frame in a file but this one was not thrown by code: the loader could not parse or link.
  const thrown = remoteStack.split("\n").some((line) =>
    /^\s+at .*file:\/\//.test(line) && !line.includes(import.meta.url)
  )
  const parsing = error instanceof SyntaxError && !thrown
  return parsing || (code !== undefined && unreadable.has(code))
    ? { _tag: "ModuleSyntaxError", detail: message, remoteStack }
    : { _tag: "ModuleThrew", detail: message, remoteStack }
}

const main = async () => {
  const preparation = JSON.parse(Buffer.from(await Frames.readOne(inlet, longestFrame)).toString("utf8")) as Preparation
  if (preparation.guard === "watchdog") {
    const Watchdog = await import("../../guard/internal/watchdog.ts")
    Watchdog.watch(Watchdog.descriptor)
  }
  report({ at: "module" })
  const url = locate(new URL(preparation.module.url))
  process.argv = [process.execPath, url.protocol === "file:" ? fileURLToPath(url) : url.href, ...preparation.argv]
  if (preparation.fastStart !== undefined) {
    CompileCache.enable(preparation.fastStart.cache)
    FastStart.install(preparation.packages)
  }
  const host = await import(preparation.packages.host) as typeof Host
  if (host.version !== preparation.version) {
    return fail({ _tag: "LibraryMismatch", ours: preparation.version, theirs: host.version })
  }
  const connection = host.open(preparation, { socket, inlet })
  const load = async (url: URL, module?: string) =>
    import(url.href).catch((error: unknown) =>
      fail(module === undefined ? importFailure(error) : { ...importFailure(error), module })
    )
  for (const other of preparation.preload) await load(locate(new URL(other)), other)
  const module = await load(url)
  report({ at: "layer" })
  socket.removeListener("close", leave)
  socket.removeListener("error", leave)
  await connection.run(module[preparation.module.export], report)
}

main().catch((error: unknown) => {
  if (!(error instanceof Stopped)) throw error
})
