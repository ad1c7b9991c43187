import { readFileSync } from "node:fs"

const read = (name: string): string => readFileSync(new URL(`../fixtures/tls/${name}.pem`, import.meta.url), "utf8")

/** What those who show this certificate have. */
export const certificate = (name: "listener" | "expired" | "misnamed" | "client" | "unknown") => ({
  cert: read(`${name}.cert`),
  key: read(`${name}.key`)
})

/** Who certified them all, but for `unknown`. */
export const ca = read("authority.cert")
