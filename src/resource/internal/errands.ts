/**
 * Claims at the desks of other processes, over connections that are kept from one to the next.
 *
 * A desk answers claims in the order in which it gets them, each in one step: what it has granted is in the kernel's
 * hands then, and is read here before the end of the connection is. So what a connection ends without an answer to was
 * not served, and may be claimed anew over a fresh one. That is done for claims that found the connection open; the one
 * that it was opened for fails, so that each connection settles at least one.
 *
 * The sockets are read here, since Node.js's own drop what comes with a byte.
 */
import * as Fs from "node:fs"
import * as Desk from "../../connection/internal/desk.ts"
import { Expectation } from "../../wire/internal/expectation.ts"
import * as RunningTime from "../../wire/internal/runningTime.ts"
import type { Received, Sockets } from "./sockets.ts"

/** milliseconds until a full listener is asked again */
const pause = 10

/** milliseconds that a connection is kept for the next claim */
const idleTime = 5_000

/** connections that are kept; more are closed as soon as nothing is claimed over them */
const mostKept = 16

/** claims that wait for an answer in one connection; others leave when there are fewer */
const mostInFlight = 64

/** descriptors in one message of the kernel's */
export const most = 253

/** bytes of the length in front of a message of CPython's frames */
const headerSize = 4

const answerSize = headerSize + 32

/** The descriptors, which belong to whoever is told; or why there are none. */
export type Outcome = ReadonlyArray<number> | string

interface Errand {
  readonly token: Uint8Array
  readonly frame: Uint8Array
  /** tells whoever waits, once */
  settle: ((outcome: Outcome) => void) | undefined
  stopWaiting: () => void
  /** the connection was opened for it */
  isFirst: boolean
}

const frameOf = (token: Uint8Array): Uint8Array => {
  const claim = Desk.claimOf(token)
  const header = Buffer.alloc(headerSize)
  header.writeInt32BE(claim.length)
  return Buffer.concat([header, claim])
}

const settle = (errand: Errand, outcome: Outcome): void => {
  errand.stopWaiting()
  const { settle } = errand
  errand.settle = undefined
  if (settle !== undefined) settle(outcome)
  else if (typeof outcome !== "string") outcome.forEach(close)
}

export const close = (descriptor: number): void => {
  Fs.closeSync(descriptor)
}

const codeOf = (error: unknown): string | undefined => (error as NodeJS.ErrnoException).code

/** how a connection ends whose other side is gone */
const gone = new Set<string | undefined>(["EPIPE", "ECONNRESET", "ENOTCONN"])

/** All claims of one Layer. */
export class Errands {
  private readonly sockets: Sockets
  private readonly visits = new Map<string, Visit>()
  private isOpen = true

  constructor(sockets: Sockets) {
    this.sockets = sockets
  }

  /** Calls back once, maybe at once; the result takes that back. */
  fetch({ path, token }: Desk.Ticket, callback: (outcome: Outcome) => void): () => void {
    if (!this.isOpen) {
      callback(Desk.closedDetail)
      return () => {}
    }
    let visit = this.visits.get(path)
    if (visit === undefined) {
      visit = new Visit(this.sockets, path, {
        isKept: () => this.visits.size <= mostKept,
        over: () => this.visits.delete(path)
      })
      this.visits.set(path, visit)
    }
    return visit.fetch(token, callback)
  }

  close(): void {
    this.isOpen = false
    for (const visit of this.visits.values()) visit.fail(Desk.closedDetail)
  }
}

/** At one desk, from the first claim until there has been none for a while. */
class Visit {
  private readonly sockets: Sockets
  private readonly path: string
  private readonly keeper: { readonly isKept: () => boolean; readonly over: () => void }
  private connection: number | undefined
  /** have not left yet */
  private readonly waiting: Array<Errand> = []
  /** in the order in which they left */
  private readonly inFlight: Array<Errand> = []
  private stopReading: (() => void) | undefined
  private stopWriting: (() => void) | undefined
  private readonly answers = new Expectation()
  private timer: NodeJS.Timeout | undefined
  private isOver = false

  constructor(sockets: Sockets, path: string, keeper: Visit["keeper"]) {
    this.sockets = sockets
    this.path = path
    this.keeper = keeper
  }

  fetch(token: Uint8Array, callback: (outcome: Outcome) => void): () => void {
    const errand: Errand = { token, frame: frameOf(token), settle: callback, stopWaiting: () => {}, isFirst: false }
    errand.stopWaiting = RunningTime.after(Desk.deadline, () => {
      settle(errand, `nothing came within ${Desk.deadline} ms`)
      this.abandon(errand)
    })
    this.waiting.push(errand)
    this.send()
    return () => {
      errand.stopWaiting()
      errand.settle = undefined
      this.abandon(errand)
    }
  }

  /** Nobody waits for it any more. What comes for it nevertheless is closed, as long as anybody waits for something. */
  private abandon(errand: Errand): void {
    const at = this.waiting.indexOf(errand)
    if (at >= 0) this.waiting.splice(at, 1)
    if (this.waiting.length > 0 || this.inFlight.some(({ settle }) => settle !== undefined)) return
    if (this.inFlight.length > 0) this.end()
    else this.rest()
  }

  /** Ends it for all who wait. */
  fail(detail: string): void {
    this.end()
    for (const errand of [...this.inFlight.splice(0), ...this.waiting.splice(0)]) settle(errand, detail)
  }

  private end(): void {
    if (this.isOver) return
    this.isOver = true
    this.keeper.over()
    this.disconnect()
  }

  private disconnect(): void {
    clearTimeout(this.timer)
    this.stopReading?.()
    this.stopWriting?.()
    this.stopReading = this.stopWriting = undefined
    if (this.connection !== undefined) close(this.connection)
    this.connection = undefined
  }

  /** Nothing is claimed at the moment. Nothing is watched then either: it must not keep the process alive. */
  private rest(): void {
    this.stopReading?.()
    this.stopReading = undefined
    clearTimeout(this.timer)
    if (this.connection === undefined || !this.keeper.isKept()) return this.end()
    this.timer = setTimeout(() => this.end(), idleTime).unref()
  }

  private readonly send = (): void => {
    this.stopWriting = undefined
    clearTimeout(this.timer)
    try {
      while (this.waiting.length > 0 && this.inFlight.length < mostInFlight) {
        const connection = this.connection ?? this.connect()
        if (connection === undefined) return
        const errand = this.waiting[0]!
        if (this.sockets.send(connection, errand.frame, []) === 0) {
          this.stopWriting = this.sockets.whenWritable(connection, this.send)
          break
        }
        this.waiting.shift()
        this.inFlight.push(errand)
        this.answers.begin()
      }
      this.watch()
    } catch (error) {
      this.unsent(error)
    }
  }

  /** Nobody hears it any more. What was answered before that is still to be read, and so is the end. */
  private unsent(error: unknown): void {
    const [next] = this.waiting
    if (this.connection === undefined || !gone.has(codeOf(error))) return this.fail((error as Error).message)
    if (this.inFlight.length > 0) return this.watch()
    if (next?.isFirst === true) {
      this.waiting.shift()
      settle(next, Desk.goneDetail)
    }
    this.ended()
  }

  private watch(): void {
    if (this.connection === undefined || this.inFlight.length === 0) return
    this.stopReading ??= this.sockets.whenReadable(this.connection, this.read)
  }

  /** For the first that waits; later, if there is no room at the moment. */
  private connect(): number | undefined {
    const mistrust = Desk.strange(this.path)
    if (mistrust !== undefined) {
      this.fail(mistrust)
      return undefined
    }
    this.connection = this.sockets.connect(this.path)
    if (this.connection === undefined) this.timer = setTimeout(this.send, pause)
    else this.waiting[0]!.isFirst = true
    return this.connection
  }

  private readonly read = (): void => {
    this.stopReading = undefined
    this.answers.end()
    try {
      while (this.connection !== undefined && this.inFlight.length > 0) {
        const received = this.sockets.receive(this.connection, answerSize, most)
        if (received === undefined) break
        if (received.bytes.length === 0) return this.ended()
        this.take(received)
      }
    } catch (error) {
      // The kernel says so behind the last answer.
      if (this.connection !== undefined && gone.has(codeOf(error))) return this.ended()
      return this.fail((error as Error).message)
    }
    if (this.isOver) return
    if (this.waiting.length > 0) this.send()
    else if (this.inFlight.length === 0) this.rest()
    else this.watch()
  }

  /** An answer leaves its sender in one piece, and what comes with it belongs to its first byte. */
  private take({ bytes, descriptors, isTruncated }: Received): void {
    const errand = this.inFlight[0]!
    const meaning = Desk.meaningOf(bytes.subarray(headerSize), errand.token)
    if (meaning !== "granted") descriptors.forEach(close)
    // What else was claimed here was claimed of somebody else than its holder.
    if (meaning === "forged") return this.fail(Desk.forgedDetail)
    this.inFlight.shift()
    if (meaning === "refused") return settle(errand, Desk.refusedDetail)
    if (!isTruncated && descriptors.length > 0) return settle(errand, descriptors)
    descriptors.forEach(close)
    settle(errand, "this process has no room for its descriptors")
  }

  /** All answers that there will be have been read. */
  private ended(): void {
    if (this.isOver) return
    this.disconnect()
    const unanswered = this.inFlight.splice(0)
    this.waiting.unshift(...unanswered.filter(({ isFirst, settle }) => !isFirst && settle !== undefined))
    for (const errand of unanswered) if (errand.isFirst) settle(errand, Desk.goneDetail)
    if (this.isOver) return
    if (this.waiting.length > 0) this.send()
    else this.end()
  }
}
