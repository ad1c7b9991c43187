/** An implementation, its handlers with different services. */
import type * as Remote from "effect-multiprocessing/Remote"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { BadImage, countWords, Keeper, ping, rename, Thumbnailer, ticks, UnreadableFile, User, Vault } from "./words.ts"

export class Db extends Context.Service<Db, { readonly max: number }>()("app/Db") {}
export class Settings extends Context.Service<Settings, { readonly step: number }>()("app/Settings") {}

export const ThumbnailerLive = Thumbnailer.toLayer(Effect.gen(function*() {
  const settings = yield* Settings
  return {
    resize: Effect.fn("resize")(function*({ image, width }) {
      const db = yield* Db
      if (width > db.max) return yield* new BadImage({ width })
      return image.slice(0, width)
    }),
    progress: () => Stream.make(settings.step, 2, 3),
    size: () => Effect.map(Db, (db) => db.max),
    options: ({ quality }) => Effect.succeed(quality ?? 75),
    user: (user) => Effect.succeed(user.name)
  }
}))

export const fns = Layer.mergeAll(
  countWords.toLayer(
    Effect.fn("countWords")(function*({ path }) {
      if (path === "") return yield* new UnreadableFile({ path })
      return path.split(" ").length
    })
  ),
  ping.toLayer(() => Effect.void),
  rename.toLayer((user) => Effect.succeed(new User({ name: user.name.toUpperCase(), age: user.age }))),
  ticks.toLayer(({ n }) => Stream.range(1, n))
)

export const KeeperLive = Keeper.toLayer({ keep: ({ secret }) => Effect.log(secret), reveal: () => Stream.make("s") })

const layer = Layer.mergeAll(ThumbnailerLive, fns, KeeperLive).pipe(Layer.provide([
  Layer.succeed(Db, { max: 100 }),
  Layer.succeed(Settings, { step: 1 }),
  Layer.succeed(Vault, { seal: (text) => text, open: (text) => text })
]))
export default layer satisfies Remote.Module

/** another export */
export const counting = countWords.toLayer(({ path }) => Effect.succeed(path.length)) satisfies Remote.Module
