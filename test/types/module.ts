import * as ProcessLayer from "effect-multiprocessing/ProcessLayer"
import * as Remote from "effect-multiprocessing/Remote"
import type * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import { type Equal, is } from "./equal.ts"
import type * as Live from "./words.live.ts"
import { Db, ThumbnailerLive } from "./words.live.ts"
import type * as Contract from "./words.ts"
import { countWords, Keeper, Thumbnailer } from "./words.ts"

const url = new URL("./words.live.ts", import.meta.url)

// -----------------------------------------------------------------------------
// Modules
// -----------------------------------------------------------------------------

// @ts-expect-error Type 'Db | Settings' is not assignable to type 'never': a host provides nothing
ThumbnailerLive satisfies Remote.Module

/** without a type, a module is believed to implement what it is asked for */
const unchecked = Remote.module(url)
const named = Remote.module(url, { export: "counting" })
is<Equal<typeof unchecked, Remote.ModuleRef<any>>, Equal<typeof named, Remote.ModuleRef<any>>>()

/** with it, its default export says what it implements */
const checked = Remote.module<typeof Live>(url)
is<
  Equal<
    typeof checked,
    Remote.ModuleRef<
      | Thumbnailer
      | Keeper
      | Remote.Handler<"app/countWords">
      | Remote.Handler<"app/ping">
      | Remote.Handler<"app/rename">
      | Remote.Handler<"app/ticks">
    >
  >
>()

/** or the export that is named */
const counting = Remote.module<typeof Live, "counting">(url, { export: "counting" })
is<Equal<typeof counting, Remote.ModuleRef<Remote.Handler<"app/countWords">>>>()

// @ts-expect-error Type '"fns"' is not assignable to type '"counting"'.
Remote.module<typeof Live, "counting">(url, { export: "fns" })
// @ts-expect-error Expected 2 arguments, but got 1: the default export would be built
Remote.module<typeof Live, "counting">(url)
// @ts-expect-error Property 'absent' is missing in type
Remote.module<typeof Live, "absent">(url, { export: "absent" })
// @ts-expect-error Property 'default' is missing in type
Remote.module<typeof Contract>(url)
// @ts-expect-error Type 'Db | Settings' is not assignable to type 'never'.
Remote.module<typeof Live, "ThumbnailerLive">(url, { export: "ThumbnailerLive" })

// -----------------------------------------------------------------------------
// Where they are used
// -----------------------------------------------------------------------------

class Clock extends Remote.Service<Clock>()("app/Clock", { now: { success: Schema.Number } }) {
  /** a module of its own, within its own class */
  static readonly layerProcess = ProcessLayer.make({ module: url, services: [Clock], size: 2 })
}
is<Equal<Layer.Success<typeof Clock.layerProcess>, Clock>>()

const hosted = ProcessLayer.make({ module: checked, services: [Thumbnailer, Keeper, countWords] })
is<Equal<Layer.Success<typeof hosted>, Thumbnailer | Keeper | Remote.Handler<"app/countWords">>>()
// @ts-expect-error Type 'Clock' is not assignable to type 'Handler<...> | Keeper | Thumbnailer': that module does not implement it
ProcessLayer.make({ module: checked, services: [Thumbnailer, Clock] })
// @ts-expect-error Type 'Thumbnailer' is missing the following properties from type 'Handler<"app/countWords">'
ProcessLayer.make({ module: counting, services: [Thumbnailer] })
// @ts-expect-error Type 'typeof Db' is not assignable to type 'Hosted': it is not a Remote.Service
ProcessLayer.make({ module: url, services: [Thumbnailer, Db] })
// @ts-expect-error Source has 0 element(s) but target requires 1.
ProcessLayer.make({ module: url, services: [] })

/** a function may have its module checked as well */
const countAgain = Remote.fn("app/countWords", {
  module: counting,
  payload: { path: Schema.String },
  success: Schema.Int
})
is<Equal<typeof countAgain.id, "app/countWords">>()
// @ts-expect-error Argument of type '"app/other"' is not assignable to parameter of type '"app/countWords"'.
Remote.fn("app/other", { module: counting })
