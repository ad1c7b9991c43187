/**
 * Completes package-lock.json after `npm install`.
 *
 * A registry need not hold every platform's binaries; npm then leaves those out of the lock file without a word, and
 * `npm ci` refuses it. Their names and versions are known from the packages that want them, and their names say for
 * which platform they are.
 */
import { readFileSync, writeFileSync } from "node:fs"

const file = new URL("../package-lock.json", import.meta.url)
const lock = JSON.parse(readFileSync(file, "utf8"))

const systems = ["android", "darwin", "freebsd", "linux", "openbsd", "openharmony", "win32"]
const processors = ["arm64", "arm", "x64", "ia32", "loong64", "ppc64", "riscv64", "s390x"]

const platformOf = (/** @type {string} */ name) => {
  const words = name.split(/[-/]/)
  const libc = words.some((word) => word.includes("musl")) ? ["musl"] : words.some((word) => /^(glibc|gnu)$/.test(word))
    ? ["glibc"]
    : undefined
  return {
    cpu: processors.filter((cpu) => words.includes(cpu)),
    ...(libc === undefined ? {} : { libc }),
    os: systems.filter((os) => words.includes(os))
  }
}

for (const [path, wanting] of Object.entries(lock.packages)) {
  for (const [name, version] of Object.entries(wanting.optionalDependencies ?? {})) {
    if (path === "" || `node_modules/${name}` in lock.packages || `${path}/node_modules/${name}` in lock.packages) {
      continue
    }
    const platform = platformOf(name)
    if (platform.os.length !== 1 || platform.cpu.length !== 1) {
      throw new Error(`${name} does not say for which platform it is`)
    }
    lock.packages[`node_modules/${name}`] = {
      version,
      ...platform,
      ...(wanting.dev === true ? { dev: true } : {}),
      optional: true
    }
  }
}

const sorted = Object.keys(lock.packages).toSorted((a, b) => a.localeCompare(b, "en"))
lock.packages = Object.fromEntries(sorted.map((path) => [path, lock.packages[path]]))
writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`)
