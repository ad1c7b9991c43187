/** It receives ends, so it provides what `Connection.schema` needs. */
import * as Connection from "effect-multiprocessing/Connection"
import type * as Remote from "effect-multiprocessing/Remote"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Indexer, Progress } from "./contract.ts"

const layer = Indexer.toLayer({
  index: ({ progress, texts }) =>
    Effect.gen(function*() {
      const words = new Set<string>()
      for (const [i, text] of texts.entries()) {
        for (const word of text.split(" ")) words.add(word)
        yield* progress.send(Progress, { done: i + 1, of: texts.length })
      }
      return words.size
    }).pipe(Effect.orDie, Effect.ensuring(progress.close))
})

export default layer.pipe(Layer.provide(Connection.layerClaims)) satisfies Remote.Module
