/** Queues in a manager. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as MutableList from "effect/MutableList"
import * as Scope from "effect/Scope"
import * as Implementation from "../../remote/internal/implementation.ts"
import type { RemoteError } from "../../wire/RemoteError.ts"
import { ContainerError, QueueShutDown, TooManyDone } from "../ContainerError.ts"
import type { BuiltIn, Handler, Holder, Kept, Place, Stored } from "./builtIn.ts"
import { Handling } from "./handling.ts"
import { dropAll, giveAll, keeping } from "./items.ts"
import { iterator } from "./iteratorServer.ts"
import { byOrder, lend, type Placed } from "./lend.ts"
import { JoinableQueue, Queue, type Take } from "./queue.ts"
import * as Waiting from "./waiting.ts"

interface Put {
  readonly value: Stored
  readonly timeout?: number
}

interface Putter {
  readonly kept: Kept
  readonly answer: (exit: Exit.Exit<boolean, ContainerError>) => void
}

type Taken = Effect.Effect<ReadonlyArray<Stored>, RemoteError>

interface Taker {
  readonly take: Take
  readonly holder: Holder
  readonly answer: (exit: Exit.Exit<Taken, ContainerError>) => void
}

const shutDown = () => Exit.fail(new ContainerError({ reason: new QueueShutDown() }))

class Line extends Handling {
  private readonly place: Place
  private readonly capacity: number
  private readonly items = MutableList.make<Placed>()
  private readonly putters = new Set<Putter>()
  private readonly takers = new Set<Taker>()
  private readonly joiners = new Set<() => void>()
  private unfinished = 0
  private last = 0
  /** handed out and not confirmed: they may come back */
  private lent = 0
  private isShutdown = false
  /** what was in it has been dropped, and so is what comes back */
  private isEmptied = false

  constructor(place: Place, capacity: number) {
    super()
    this.place = place
    this.capacity = capacity
  }

  readonly handlers: Readonly<Record<string, Handler>> = {
    put: (put: Put) => this.put(put),
    take: (take: Take, holder) => this.take(take, holder),
    size: () => Exit.succeed(this.items.length),
    capacity: () => Exit.succeed(this.capacity),
    shutdown: ({ immediate }: { readonly immediate: boolean }) => Effect.sync(() => this.shutdown(immediate)),
    isShutdown: () => Exit.succeed(this.isShutdown),
    iterate: () =>
      Effect.flatMap(
        giveAll(this.place, MutableList.toArrayN(this.items, this.items.length)),
        (values) => this.place.create(iterator, { values })
      ),
    taskDone: ({ count }: { readonly count: number }) => this.taskDone(count),
    join: () =>
      this.unfinished === 0 ? Exit.void : Waiting.wait<void>(undefined, Exit.void, (answer) => {
        const joined = () => answer(Exit.void)
        this.joiners.add(joined)
        return () => this.joiners.delete(joined)
      }),
    unfinished: () => Exit.succeed(this.unfinished)
  }

  readonly summary = (): string => `${this.items.length} items, ${this.putters.size + this.takers.size} waiting`

  readonly end = Effect.sync(() => {
    this.isEmptied = true
    this.drop()
  })

  private put({ timeout, value }: Put): Effect.Effect<boolean, ContainerError | RemoteError> {
    return keeping(this.place, [value], ([one], restore): Effect.Effect<boolean, ContainerError> => {
      const kept = one!
      if (!this.isShutdown && this.items.length < this.capacity && this.putters.size === 0) {
        this.append(kept)
        return Exit.succeed(true)
      }
      if (this.isShutdown || timeout === 0) {
        this.place.drop(kept)
        return this.isShutdown ? shutDown() : Exit.succeed(false)
      }
      let begun = false
      const wait = Waiting.wait<boolean, ContainerError>(timeout, Exit.succeed(false), (answer) => {
        begun = true
        const putter = { kept, answer }
        this.putters.add(putter)
        return () => {
          if (this.putters.delete(putter)) this.place.drop(kept)
        }
      })
      return Effect.ensuring(restore(wait), Effect.sync(() => begun ? undefined : this.place.drop(kept)))
    })
  }

  private take(take: Take, holder: Holder): Effect.Effect<ReadonlyArray<Stored>, ContainerError | RemoteError> {
    if (this.takers.size === 0 && this.items.length > 0) return this.hand(take, holder)
    if (this.isOver) return shutDown()
    if (take.timeout === 0) return Exit.succeed([])
    return Effect.flatten(
      Waiting.wait<Taken, ContainerError>(take.timeout, Exit.succeed(Exit.succeed([])), (answer) => {
        const taker = { take, holder, answer }
        this.takers.add(taker)
        return () => this.takers.delete(taker)
      })
    )
  }

  /** Hands items out, which come back to the front until they are confirmed. */
  private hand({ most, number }: Take, holder: Holder): Taken {
    const items = MutableList.takeN(this.items, most)
    this.lent += items.length
    const taken = lend(this.place, holder, number, items, {
      done: () => {
        this.lent -= items.length
        this.proceed()
      },
      back: (items) => {
        this.lent -= items.length
        this.putBack(items)
        this.proceed()
      }
    })
    this.proceed()
    return taken
  }

  /** Where they were: before all that was put in later, whoever has given back what meanwhile. */
  private putBack(items: ReadonlyArray<Placed>): void {
    if (this.isEmptied) {
      dropAll(this.place, items)
      return this.finish(items.length)
    }
    const last = items.at(-1)!
    const front = [...items]
    while (this.items.length > 0 && byOrder(MutableList.toArrayN(this.items, 1)[0]!, last) < 0) {
      front.push(...MutableList.takeN(this.items, 1))
    }
    MutableList.prependAll(this.items, front.toSorted(byOrder))
  }

  /** Nothing is left, and nothing will be. */
  private get isOver(): boolean {
    return this.isShutdown && this.items.length === 0 && (this.lent === 0 || this.isEmptied)
  }

  private append(kept: Kept): void {
    MutableList.append(this.items, { ...kept, order: ++this.last })
    this.unfinished++
    this.proceed()
  }

  /** Whoever came first; both sides as far as they can. */
  private proceed(): void {
    for (const taker of this.takers) {
      if (this.items.length === 0) break
      this.takers.delete(taker)
      taker.answer(Exit.succeed(this.hand(taker.take, taker.holder)))
    }
    for (const putter of this.putters) {
      if (this.items.length >= this.capacity) break
      this.putters.delete(putter)
      putter.answer(Exit.succeed(true))
      this.append(putter.kept)
    }
    if (this.isOver) this.dismiss()
  }

  private dismiss(): void {
    for (const taker of this.takers) {
      this.takers.delete(taker)
      taker.answer(shutDown())
    }
  }

  private shutdown(immediate: boolean): void {
    this.isShutdown = true
    for (const putter of this.putters) {
      this.putters.delete(putter)
      this.place.drop(putter.kept)
      putter.answer(shutDown())
    }
    if (immediate) {
      const { length } = this.items
      this.isEmptied = true
      this.drop()
      this.finish(length)
    }
    this.proceed()
  }

  private drop(): void {
    for (const item of MutableList.takeAll(this.items)) this.place.drop(item)
  }

  private taskDone(count: number): Exit.Exit<void, ContainerError> {
    const { unfinished } = this
    if (count > unfinished) return Exit.fail(new ContainerError({ reason: new TooManyDone({ unfinished }) }))
    this.finish(count)
    return Exit.void
  }

  private finish(count: number): void {
    this.unfinished -= count
    if (this.unfinished > 0) return
    for (const joined of this.joiners) {
      this.joiners.delete(joined)
      joined()
    }
  }
}

const builtIn = (object: typeof Queue | typeof JoinableQueue): BuiltIn => ({
  declaration: Implementation.declarationOf(object) as Implementation.ObjectDeclaration,
  make: ({ capacity }: { readonly capacity: number }, place) => {
    const line = new Line(place, capacity)
    return Effect.as(Scope.addFinalizer(place.scope, line.end), line)
  }
})

export const queue = builtIn(Queue)
export const joinableQueue = builtIn(JoinableQueue)
