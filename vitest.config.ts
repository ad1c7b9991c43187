import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { defineConfig } from "vitest/config"

// In the test process the package's own name means its sources; its children, as a user's would, run what is built.
const { exports } = JSON.parse(readFileSync(new URL("./package.json", import.meta.url), "utf8")) as {
  readonly exports: Record<string, string>
}
const alias = Object.entries(exports)
  .filter(([, target]) => target.startsWith("./dist/"))
  .map(([path, target]) => ({
    find: new RegExp(`^effect-multiprocessing${path.slice(1)}$`),
    replacement: fileURLToPath(
      new URL(target.replace("./dist/", "./src/").replace(/\.js$/, ".ts"), import.meta.url)
    )
  }))

export default defineConfig({
  resolve: { alias },
  test: {
    include: process.env.SOAK === undefined ? ["test/**/*.test.ts"] : ["test/**/*.test.ts", "test/**/*.soak.ts"],
    setupFiles: ["test/support/setup.ts"],
    pool: "forks",
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    retry: 0
  }
})
