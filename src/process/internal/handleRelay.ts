/**
 * Handles of Node.js (sockets, servers) between related processes, over the channels of `process.send`.
 *
 *     grandchild --park--> child --park--> root <--claim-- another child
 *
 * The root is the first process that its own parent gave no such channel. What is sent is parked there under a token,
 * and claimed there, once. Each process between passes on what it is asked.
 */
import { randomBytes } from "node:crypto"
import * as RunningTime from "../../wire/internal/runningTime.ts"

/** A `TCP`, `Pipe` or `UDP`: what a socket or server of Node.js stands on. */
export interface Handle {
  /** negative when it is closed */
  readonly fd: number
  readonly close: () => void
}

/** A handle that goes with a message. */
export interface Passed {
  readonly handle: Handle
  /** whether it is closed here when it has left; else somebody here uses it */
  readonly owned: boolean
}

export type Question =
  | {
    readonly do: "park"
    readonly token: string
    /** who may forget it, and whose end forgets it */
    readonly holder: string
    /** milliseconds that it waits for its receiver */
    readonly expiry: number
  }
  | { readonly do: "claim"; readonly token: string; readonly root: string }
  | { readonly do: "forget"; readonly holder: string }
  | { readonly do: "count"; readonly holder: string }

export interface Answer {
  /** which one answered */
  readonly root?: string
  /** how much of the holder's is parked */
  readonly waiting?: number
  /** why not */
  readonly refused?: string
}

type Done = (answer: Answer, passed?: Passed) => void

/** `process` in a child, its `ChildProcess` in the parent. */
interface Peer {
  readonly connected: boolean
  readonly send?: (
    message: object,
    handle: any,
    options: object,
    callback: (error: Error | null) => void
  ) => boolean
  readonly on: (event: "message" | "disconnect" | "exit", listener: (...args: Array<any>) => void) => unknown
}

/** The channel is the user's, too: what is ours is under a key of ours. */
const key = "effect-multiprocessing"

type Content = readonly ["ask", number, Question] | readonly ["answer", number, Answer] | readonly ["arrived", number]

const gone = "a process between here and there has ended"

const letGo = (passed: Passed | undefined): void => {
  if (passed?.owned === true) passed.handle.close()
}

// ---------------------------------------------------------------------------------------------- between two processes

interface Channel {
  readonly ask: (question: Question, passed: Passed | undefined, done: Done) => () => void
}

const open = (peer: Peer): Channel => {
  const asked = new Map<number, Done>()
  /** what goes with an answer, until it has arrived */
  const handed = new Map<number, Passed>()
  const holders = new Set<string>()
  let count = 0
  let hasEnded = false

  const send = (content: Content, handle?: Handle): void => {
    const lost = () => {
      if (content[0] === "ask") answered(content[1], { refused: gone })
      else if (content[0] === "answer") arrived(content[1])
    }
    if (hasEnded || !peer.connected) return lost()
    peer.send!({ [key]: content }, handle, {}, (error) => error !== null && lost())
  }
  const answered = (id: number, answer: Answer, handle?: Handle): void => {
    if (handle !== undefined) send(["arrived", id])
    const done = asked.get(id)
    const passed = handle && { handle, owned: true }
    if (done === undefined) return letGo(passed)
    asked.delete(id)
    done(answer, passed)
  }
  const arrived = (id: number): void => {
    letGo(handed.get(id))
    handed.delete(id)
  }
  const question = (id: number, question: Question, handle?: Handle): void => {
    if (question.do === "park") holders.add(question.holder)
    if (question.do === "forget") holders.delete(question.holder)
    ask(question, handle && { handle, owned: true }, (answer, passed) => {
      if (passed !== undefined) handed.set(id, passed)
      send(["answer", id, answer], passed?.handle)
    })
  }

  peer.on("message", (message: { readonly [key]?: Content } | null, handle?: Handle) => {
    const content = message?.[key]
    if (content === undefined) return
    if (hasEnded) return handle?.close()
    if (content[0] === "ask") question(content[1], content[2], handle)
    else if (content[0] === "answer") answered(content[1], content[2], handle)
    else arrived(content[1])
  })
  const end = (): void => {
    if (hasEnded) return
    hasEnded = true
    for (const id of asked.keys()) answered(id, { refused: gone })
    for (const id of handed.keys()) arrived(id)
    for (const holder of holders) ask({ do: "forget", holder }, undefined, () => {})
  }
  // Node.js says nothing of the end of a channel over which a handle is on its way.
  peer.on("disconnect", end)
  peer.on("exit", end)

  return {
    ask: (question, passed, done) => {
      const id = ++count
      asked.set(id, (answer, found) => {
        letGo(passed)
        done(answer, found)
      })
      send(["ask", id, question], passed?.handle)
      return () => {
        if (!asked.has(id)) return
        asked.set(id, (_, found) => {
          letGo(passed)
          letGo(found)
        })
      }
    }
  }
}

// ---------------------------------------------------------------------------------------------- at the root

const root = randomBytes(8).toString("hex")

const parked = new Map<string, Passed & { readonly holder: string; readonly stopWaiting: () => void }>()

const ofHolder = (holder: string) => [...parked].filter(([, entry]) => entry.holder === holder)

const forget = (token: string): void => {
  const entry = parked.get(token)
  entry?.stopWaiting()
  letGo(entry)
  parked.delete(token)
}

const answerAtRoot = (question: Question, passed: Passed | undefined, done: Done): void => {
  switch (question.do) {
    case "park": {
      if (passed === undefined) return done({ refused: "it did not arrive" })
      const { expiry, holder, token } = question
      const stopWaiting = RunningTime.after(expiry, () => forget(token))
      parked.set(token, { ...passed, holder, stopWaiting })
      return done({ root })
    }
    case "claim": {
      const { token } = question
      if (question.root !== root) return done({ refused: "it waits in another family of processes" })
      const entry = parked.get(token)
      if (entry === undefined) return done({ refused: "it was claimed before, or not in time" })
      entry.stopWaiting()
      parked.delete(token)
      return entry.handle.fd < 0 ? done({ refused: "whoever sent it has closed it" }) : done({}, entry)
    }
    case "forget":
      ofHolder(question.holder).forEach(([token]) => forget(token))
      return done({})
    case "count":
      return done({ waiting: ofHolder(question.holder).length })
  }
}

// ---------------------------------------------------------------------------------------------- from here

let above: Channel | undefined

/** This process's parent has given it a channel. */
export const inherit = (): void => {
  above ??= open(process as Peer)
}

/** This process has given a child a channel. */
export const follow = (child: Peer): void => {
  open(child)
}

/**
 * Asks the root; what is passed and owned is let go of with the answer. To take the question back lets go of what the
 * answer brings.
 */
export const ask = (question: Question, passed: Passed | undefined, done: Done): () => void => {
  if (above !== undefined) return above.ask(question, passed, done)
  answerAtRoot(question, passed, done)
  return () => {}
}
