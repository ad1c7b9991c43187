/** A service at an address: the program that uses it is the same, and outlives its server. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as AuthKey from "effect-multiprocessing/AuthKey"
import * as RemoteClient from "effect-multiprocessing/RemoteClient"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import { spawn } from "node:child_process"
import { randomBytes } from "node:crypto"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { fileURLToPath } from "node:url"
import { Numbers } from "./factors/contract.ts"

const hex = randomBytes(32).toString("hex")

const folder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(`${tmpdir()}/served-`)),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)

/** A server of its own: nobody's child in the sense of this library. */
const startServer = (path: string) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const file = fileURLToPath(new URL("./served/server.ts", import.meta.url))
      const child = spawn(process.execPath, [file, path], {
        env: { ...process.env, APP_AUTHKEY: hex },
        stdio: ["ignore", "ignore", "inherit"]
      })
      const ended = new Promise<void>((resolve) => child.once("close", () => resolve()))
      return {
        kill: (signal: NodeJS.Signals) =>
          Effect.andThen(Effect.sync(() => child.kill(signal)), Effect.promise(() => ended))
      }
    }),
    ({ kill }) => kill("SIGTERM")
  )

const program = Effect.gen(function*() {
  const { factor } = yield* Numbers
  const factors = yield* factor({ n: 600851475143 })
  yield* Console.log(`600851475143 = ${factors.join(" * ")}`)
})

Effect.gen(function*() {
  const path = `${yield* folder}/numbers.sock`
  const authKey = yield* Effect.fromResult(AuthKey.fromHex(hex))
  const server = yield* startServer(path)
  const client = yield* RemoteClient.make({
    address: path,
    services: [Numbers],
    authKey,
    // the server may not be there yet
    retry: Schedule.spaced("20 millis")
  })
  const numbers = Effect.provideContext(client.context)
  const before = yield* client.state
  yield* numbers(program)

  yield* server.kill("SIGKILL")
  yield* startServer(path)
  // waits until there is a server again
  yield* numbers(program)
  const after = yield* client.state
  if (before._tag === "Connected" && after._tag === "Connected") {
    yield* Console.log(`another server: ${before.epoch !== after.epoch}`)
  }
}).pipe(Effect.scoped, NodeRuntime.runMain)
