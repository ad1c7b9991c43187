#!/usr/bin/env node
/**
 * The command of this package; see `internal/command.ts`.
 *
 * `@effect/platform-node` is an optional peer: without it this says so, and nothing else of the library needs it.
 */
const platform = await import("@effect/platform-node/NodeRuntime").catch((error: NodeJS.ErrnoException) => {
  if (error.code !== "ERR_MODULE_NOT_FOUND" || !error.message.includes("'@effect/platform-node'")) throw error
  return undefined
})

if (platform === undefined) {
  process.stderr.write(
    "effect-multiprocessing needs @effect/platform-node for its command: npm install @effect/platform-node\n"
  )
  process.exitCode = 1
} else {
  // whoever reads has read enough
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error
    process.exit(0)
  })
  const { main } = await import("./internal/command.ts")
  platform.runMain(main)
}
