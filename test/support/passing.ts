/** What the tests of passing sockets share: both ways of it, and whoever is at the other end. */
import { assert, it } from "@effect/vitest"
import * as Native from "effect-multiprocessing/Native"
import * as ProcessLayer from "effect-multiprocessing/ProcessLayer"
import type { RemoteError } from "effect-multiprocessing/RemoteError"
import * as ResourceSharer from "effect-multiprocessing/ResourceSharer"
import type { Spawner } from "effect-multiprocessing/Spawner"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { once } from "node:events"
import * as Fs from "node:fs"
import * as Net from "node:net"
import { Desk } from "../fixtures/resource/desk.ts"
import { natively } from "./natively.ts"

/** A way for sockets to get from one process into another. */
export interface Way {
  readonly name: string
  readonly available: boolean
  /** of a child's Desk */
  readonly module: URL
  readonly layerWith: (options: ResourceSharer.Options) => Layer.Layer<ResourceSharer.ResourceSharer, unknown>
  readonly handles: boolean
}

const moduleOf = (name: string) => new URL(`../fixtures/resource/${name}.live.ts`, import.meta.url)

export const byDescriptors: Way = {
  name: "by descriptors",
  available: await natively("sharing of sockets and descriptors", "descriptors"),
  module: moduleOf("desk"),
  layerWith: (options) => ResourceSharer.layerWith(options).pipe(Layer.provide(Native.layer)),
  handles: false
}

export const byHandles: Way = {
  name: "by handles",
  available: await natively("sharing of sockets between related processes", "handles"),
  module: moduleOf("relatedDesk"),
  layerWith: ResourceSharer.layerRelatedWith,
  handles: true
}

type Services = ResourceSharer.ResourceSharer | Spawner | Scope.Scope

/** A test in a process that can share things and start children. */
export const testWith =
  ({ handles, layerWith }: Way) =>
  <E>(name: string, effect: Effect.Effect<unknown, E, Services>, timeout?: number): void => {
    const edge = Layer.merge(layerWith({}), ProcessLayer.spawnWith({ handles }))
    it.live(name, () => effect.pipe(Effect.scoped, Effect.provide(edge)), timeout)
  }

/** A new child. */
export const deskOf = ({ module }: Way) =>
  Effect.map(
    Layer.build(Layer.fresh(ProcessLayer.make({ module, services: [Desk] }))),
    (context) => Context.get(context, Desk)
  )

export const descriptors = (): number => Fs.readdirSync("/proc/self/fd").length

/** A server, and both ends of its next connections. */
export const listenerAt = (address: Net.ListenOptions) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const server = Net.createServer({ pauseOnConnect: true })
      server.listen(address)
      await once(server, "listening")
      const found = server.address() as Net.AddressInfo | string
      const port = typeof found === "string" ? 0 : found.port
      const dial = () => typeof found === "string" ? Net.connect(found) : Net.connect(port, "127.0.0.1")
      const connect = async () => {
        const client = dial()
        const [accepted] = await once(server, "connection") as [Net.Socket]
        return { accepted, client }
      }
      return { server, port, dial, connect: Effect.promise(connect) }
    }),
    ({ server }) => Effect.sync(() => server.close())
  )

export const listener = listenerAt({ port: 0, host: "127.0.0.1" })

export const textOf = (socket: Net.Socket): Effect.Effect<string> =>
  Effect.promise(async () => {
    let text = ""
    for await (const chunk of socket) text += chunk
    return text
  })

/** Why a message could not be sent, or read. */
export const issueOf = <A, R>(call: Effect.Effect<A, RemoteError, R>) =>
  Effect.map(Effect.flip(call), ({ reason }) => {
    assert.include(["EncodeFailed", "DecodeFailed"], reason._tag, reason.message)
    return reason.message
  })
