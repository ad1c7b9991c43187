/** A program that serves: `node server.ts <path>`, with the key in APP_AUTHKEY. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as AuthKey from "effect-multiprocessing/AuthKey"
import * as RemoteServer from "effect-multiprocessing/RemoteServer"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Numbers } from "../factors/contract.ts"
import NumbersLive from "../factors/live.ts"

const Served = Layer.unwrap(
  Effect.map(
    AuthKey.config("APP_AUTHKEY"),
    (authKey) => RemoteServer.layer({ address: process.argv[2]!, services: [Numbers], authKey })
  )
)

Layer.launch(Served).pipe(Effect.provide(NumbersLive), NodeRuntime.runMain)
