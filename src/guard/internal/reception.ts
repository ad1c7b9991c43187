/**
 * Who connects to the socket of a run directory, and what he is told.
 *
 * A connection says one word and gets one text. Only the directory's user can connect (its mode is 0700); whatever he
 * says or does not, he holds up nobody and costs little: few are served at a time, each for a short time.
 */
import type * as Net from "node:net"

/** What is said to one word; aborted when nobody waits for it any more. */
export type Answer = (signal: AbortSignal) => Promise<string>

/** bytes of a word, with the line break at its end */
const longestWord = 64

/** milliseconds to say it in, and to take the answer in */
const timeToAsk = 1_000
const timeToTake = 5_000

/** connections that are open at a time; further ones are closed at once */
const most = 32

export interface Reception {
  readonly receive: (socket: Net.Socket) => void
  /** by the word that is asked */
  readonly answers: Map<string, Answer>
  readonly close: () => void
}

export const make = (): Reception => {
  const answers = new Map<string, Answer>()
  const open = new Set<Net.Socket>()

  const receive = (socket: Net.Socket): void => {
    socket.on("error", () => {})
    if (open.size >= most) return void socket.destroy()
    open.add(socket)
    const gone = new AbortController()
    let timer = setTimeout(() => socket.destroy(), timeToAsk).unref()
    let asked = ""
    // Nobody who asks keeps this process alive.
    socket.unref()
    socket.once("close", () => {
      open.delete(socket)
      clearTimeout(timer)
      gone.abort()
    })
    const read = (bytes: Buffer): void => {
      asked += bytes.toString("latin1", 0, longestWord)
      const end = asked.indexOf("\n")
      if (end < 0 && asked.length < longestWord) return
      socket.off("data", read).resume()
      clearTimeout(timer)
      const answer = end < 0 ? undefined : answers.get(asked.slice(0, end))
      if (answer === undefined) return void socket.destroy()
      answer(gone.signal).then(
        (text) => {
          timer = setTimeout(() => socket.destroy(), timeToTake).unref()
          socket.end(text, () => socket.destroySoon())
        },
        () => socket.destroy()
      )
    }
    socket.on("data", read)
    // Whether he only ends his side cannot be told from his being gone.
    socket.once("end", () => socket.destroy())
  }

  return {
    receive,
    answers,
    close: () => {
      answers.clear()
      for (const socket of open) socket.destroy()
    }
  }
}
