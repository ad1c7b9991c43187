import { assert, describe, it } from "@effect/vitest"
import * as Manager from "effect-multiprocessing/Manager"
import * as Native from "effect-multiprocessing/Native"
import * as ProcessLayer from "effect-multiprocessing/ProcessLayer"
import * as RemoteList from "effect-multiprocessing/RemoteList"
import * as RemoteSharedMemory from "effect-multiprocessing/RemoteSharedMemory"
import * as SharedArray from "effect-multiprocessing/SharedArray"
import * as SharedMemory from "effect-multiprocessing/SharedMemory"
import type { Spawner } from "effect-multiprocessing/Spawner"
import { waitUntil } from "effect-multiprocessing/testing"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Fs from "node:fs"
import { live as cameraHere } from "../fixtures/shared/camera.live.ts"
import { Camera } from "../fixtures/shared/camera.ts"
import { natively } from "../support/natively.ts"
import { canTouch, touchedKiB } from "../support/touched.ts"

const canShare = await natively("segments of managers")

const isThere = ({ name }: { readonly name: string }) => Fs.existsSync(`/dev/shm/${name}`)

const gone = (segment: { readonly name: string }) =>
  waitUntil(() => !isThere(segment), { what: `end of ${segment.name}`, interval: 1 })

/** The process that has made a segment. */
const makerOf = ({ name }: { readonly name: string }) => Number(/^emp-(\d+)-/.exec(name)?.[1])

type Services = Manager.Manager | Native.Native | Spawner | Scope.Scope

const managers = [
  ["in this process", Manager.serve({ listen: false })],
  ["in a process of its own", Manager.layer()]
] as const

for (const [where, manager] of managers) {
  describe.runIf(canShare)(`a manager ${where}`, () => {
    const live = <A, E>(name: string, test: Effect.Effect<A, E, Services>) => {
      it.live(name, () =>
        Effect.scoped(test).pipe(
          Effect.provide(Layer.provideMerge(manager, Layer.merge(Native.layer, ProcessLayer.spawn)))
        ))
    }

    live(
      "makes a segment, which arrives attached and ends with its last lease",
      Effect.gen(function*() {
        const scope = yield* Scope.make()
        const made = yield* Scope.provide(RemoteSharedMemory.make({ size: 100 }), scope)
        assert.strictEqual(makerOf(made) === process.pid, where === "in this process")
        assert.strictEqual(made.size, 100)
        // who asked for it touches it, and not the manager
        if (canTouch) assert.strictEqual(touchedKiB(makerOf(made), `/dev/shm/${made.name}`), 0)
        assert.isTrue(made.bytes.every((byte) => byte === 0))
        made.bytes[0] = 1
        assert.strictEqual((yield* SharedMemory.attach(made.name)).bytes[0], 1)
        const numbers = yield* SharedArray.fromSegment(made, "float64", { offset: 8 })
        assert.strictEqual(yield* numbers.add(0, 1.5), 1.5)
        assert.isTrue(isThere(made))
        yield* Scope.close(scope, Exit.void)
        assert.isTrue(made.isClosed)
        assert.strictEqual(made.bytes[0], 0)
        yield* gone(made)
      })
    )

    live(
      "keeps what is on its way, and what is stored",
      Effect.gen(function*() {
        const scope = yield* Scope.make()
        const made = yield* Scope.provide(RemoteSharedMemory.make({ size: 4 }), scope)
        made.bytes.set([1, 2, 3, 4])
        const list = yield* RemoteList.make(RemoteSharedMemory.schema, [made])
        const ticket = yield* Schema.encodeEffect(RemoteSharedMemory.schema)(made)
        yield* Scope.close(scope, Exit.void)
        yield* Effect.scoped(Effect.gen(function*() {
          const arrived = yield* Schema.decodeEffect(RemoteSharedMemory.schema)(ticket)
          assert.deepStrictEqual([...arrived.bytes], [1, 2, 3, 4])
          const stored = Option.getOrThrow(yield* list.get(0))
          stored.bytes[0] = 9
          assert.strictEqual(arrived.bytes[0], 9)
        }))
        assert.isTrue(isThere(made))
        yield* list.clear
        yield* gone(made)
      })
    )

    live(
      "says why it could not, and has nothing then",
      Effect.gen(function*() {
        const reasonOf = (options: SharedMemory.Options) =>
          Effect.map(Effect.flip(RemoteSharedMemory.make(options)), ({ reason }) => reason._tag)
        assert.strictEqual(yield* reasonOf({ size: 0 }), "InvalidOption")
        assert.strictEqual(yield* reasonOf({ size: 1, name: "a/b" }), "InvalidName")
        const name = `emp-${process.pid}-managed`
        const made = yield* RemoteSharedMemory.make({ size: 1, name, mode: 0o640 })
        assert.strictEqual(Fs.statSync(`/dev/shm/${name}`).mode & 0o777, 0o640)
        assert.strictEqual(yield* reasonOf({ size: 1, name }), "NameTaken")
        assert.strictEqual(yield* (yield* Manager.Manager).numberOfObjects, 1)
        yield* made.unlink
        assert.isFalse(isThere({ name }))
        made.bytes[0] = 1
        const again = yield* RemoteSharedMemory.make({ size: 1, name, sealed: false })
        assert.strictEqual(again.bytes[0], 0)
      })
    )

    live(
      "makes sealed ones",
      Effect.gen(function*() {
        const made = yield* RemoteSharedMemory.make({ size: 3, sealed: true })
        assert.match(made.name, /^memfd:/)
        made.bytes[2] = 5
        assert.strictEqual((yield* SharedMemory.attach(made.name)).bytes[2], 5)
      })
    )

    live(
      "that ends ends its segments; who has them keeps the memory",
      Effect.gen(function*() {
        const made = yield* RemoteSharedMemory.make({ size: 3 })
        made.bytes[0] = 5
        yield* (yield* Manager.Manager).shutdown
        yield* gone(made)
        assert.strictEqual(made.bytes[0], 5)
      })
    )
  })
}

describe.runIf(canShare)("a manager in a process of its own", () => {
  const live = <A, E>(name: string, test: Effect.Effect<A, E, Services>) => {
    it.live(name, () =>
      Effect.scoped(test).pipe(
        Effect.provide(Layer.provideMerge(Manager.layer(), Layer.merge(Native.layer, ProcessLayer.spawn)))
      ))
  }

  live(
    "that is killed leaves no segment",
    Effect.gen(function*() {
      const made = yield* RemoteSharedMemory.make({ size: 3 })
      made.bytes[0] = 5
      process.kill(makerOf(made), "SIGKILL")
      yield* gone(made)
      assert.strictEqual(made.bytes[0], 5)
    })
  )

  const child = ProcessLayer.make({
    module: new URL("../fixtures/shared/camera.live.ts", import.meta.url),
    services: [Camera]
  })
  const cameras: ReadonlyArray<readonly [string, Layer.Layer<Camera, unknown, Spawner>]> = [
    ["here", Layer.provide(cameraHere, Native.layer)],
    ["in a child", child]
  ]
  for (const [name, camera] of cameras) {
    live(
      `its segments go to a service ${name}, and come back`,
      Effect.gen(function*() {
        const { expose } = yield* Camera
        const scope = yield* Scope.make()
        const sent = yield* Scope.provide(RemoteSharedMemory.make({ size: 5 }), scope)
        const { picture, pid } = yield* expose({ picture: sent, byte: 7 })
        assert.strictEqual(pid === process.pid, name === "here")
        yield* Scope.close(scope, Exit.void)
        assert.isTrue(sent.isClosed)
        assert.isFalse(picture.isClosed)
        assert.deepStrictEqual([...picture.bytes], [7, 7, 7, 7, 7])
        assert.isTrue(isThere(sent))
      }).pipe(Effect.provide(camera))
    )
  }
})
