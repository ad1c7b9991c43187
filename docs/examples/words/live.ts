/** How it is answered: an ordinary Layer. */
import type * as Remote from "effect-multiprocessing/Remote"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { readFile } from "node:fs/promises"
import { countWords, ponder, recite, Unreadable } from "./contract.ts"

const wordsOf = (path: string) =>
  Effect.tryPromise({
    try: () => readFile(path, "utf8"),
    catch: (error) => new Unreadable({ path, code: (error as NodeJS.ErrnoException).code ?? String(error) })
  }).pipe(Effect.map((text) => text.match(/\S+/g) ?? []))

const layer = Layer.mergeAll(
  countWords.toLayer(({ path }) => Effect.map(wordsOf(path), (words) => words.length)),
  recite.toLayer(({ path }) =>
    Stream.unwrap(Effect.map(wordsOf(path), (words) => {
      let recited = 0
      return Stream.fromIterable(words).pipe(
        Stream.forever,
        Stream.rechunk(1),
        Stream.tap(() => Effect.sync(() => recited++)),
        Stream.ensuring(Effect.suspend(() => Console.log(`child: recited ${recited} words, then had to stop`)))
      )
    }))
  ),
  ponder.toLayer(() =>
    Effect.andThen(Console.log("child: pondering"), Effect.never).pipe(
      Effect.onInterrupt(() => Console.log("child: cleaning up"))
    )
  )
)

export default layer satisfies Remote.Module
