/** How a file is surveyed. Nothing here knows of processes: it is an ordinary Layer, and the default export. */
import type * as Remote from "effect-multiprocessing/Remote"
import * as Effect from "effect/Effect"
import { createHash } from "node:crypto"
import { readFile } from "node:fs/promises"
import { Census, NotText, Sheet, Unreadable } from "./contract.ts"

const layer = Census.toLayer({
  survey: Effect.fnUntraced(function*({ path }) {
    const { bytes, text } = yield* read(path)
    // as Git tells what is binary
    if (bytes.subarray(0, 8000).includes(0)) return yield* new NotText({ path })
    return new Sheet({
      lines: text.split("\n").length - (text === "" || text.endsWith("\n") ? 1 : 0),
      words: countWords(text),
      identifiers: countIdentifiers(text),
      sha256: createHash("sha256").update(bytes).digest("hex")
    })
  })
})

export default layer satisfies Remote.Module

const read = (path: string) =>
  Effect.tryPromise({
    try: async () => {
      const bytes = await readFile(path)
      return { bytes, text: bytes.toString() }
    },
    catch: (error) => new Unreadable({ path, detail: error instanceof Error ? error.message : String(error) })
  })

const segmenter = new Intl.Segmenter("en", { granularity: "word" })

/** Words of prose and of code, as Unicode finds them in any language. */
const countWords = (text: string): number => {
  let words = 0
  for (const { isWordLike } of segmenter.segment(text)) if (isWordLike) words++
  return words
}

/** Comments and strings, which hold no identifiers, or a name. */
const token = new RegExp(
  [
    /\/\/.*/u,
    /\/\*[^]*?\*\//u,
    /"[^"\\\n]*(?:\\[^][^"\\\n]*)*"/u,
    /'[^'\\\n]*(?:\\[^][^'\\\n]*)*'/u,
    /`[^`\\]*(?:\\[^][^`\\]*)*`/u,
    /(?<![\p{ID_Continue}$])(?<name>[\p{ID_Start}$_][\p{ID_Continue}$\u200c\u200d]*)/u
  ].map(({ source }) => source).join("|"),
  "gu"
)

const reserved = new Set(
  ("as async await break case catch class const continue declare default delete do else enum export extends false " +
    "finally for from function if implements import in infer instanceof interface is keyof let namespace new null of " +
    "private protected public readonly return satisfies static super switch this throw true try type typeof " +
    "undefined unique var void while with yield any bigint boolean never number object string symbol unknown")
    .split(" ")
)

const countIdentifiers = (text: string): Map<string, number> => {
  const counts = new Map<string, number>()
  for (const { groups } of text.matchAll(token)) {
    const name = groups?.["name"]
    if (name !== undefined && !reserved.has(name)) counts.set(name, (counts.get(name) ?? 0) + 1)
  }
  return counts
}
