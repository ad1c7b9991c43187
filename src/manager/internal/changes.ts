/** What becomes of a container, for those who watch it; nothing is kept while nobody does. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"

/** Events that a watcher may be behind; then it is told that it has missed some. */
const mostBehind = 1024

export class Changes<Event> {
  private readonly watchers = new Set<Watcher<Event>>()

  get watched(): boolean {
    return this.watchers.size > 0
  }

  publish(event: Event): void {
    for (const watcher of this.watchers) watcher.publish(event)
  }

  /** What happens from now on; `missed` stands for what a slow watcher did not see. */
  stream(missed: Event): Stream.Stream<Event> {
    return Stream.unwrap(Effect.map(
      Effect.acquireRelease(
        Effect.sync(() => {
          const watcher = new Watcher<Event>(missed)
          this.watchers.add(watcher)
          return watcher
        }),
        (watcher) => Effect.sync(() => this.watchers.delete(watcher))
      ),
      (watcher) => Stream.fromIterableEffectRepeat(watcher.next)
    ))
  }
}

class Watcher<Event> {
  private events: Array<Event> = []
  private wake: (() => void) | undefined
  private readonly missed: Event

  constructor(missed: Event) {
    this.missed = missed
  }

  publish(event: Event): void {
    if (this.events.length < mostBehind) this.events.push(event)
    else this.events = [this.missed]
    this.wake?.()
  }

  readonly next: Effect.Effect<ReadonlyArray<Event>> = Effect.callback((resume) => {
    const take = (): void => {
      this.wake = undefined
      const { events } = this
      this.events = []
      resume(Effect.succeed(events))
    }
    if (this.events.length > 0) take()
    else this.wake = take
    return Effect.sync(() => {
      this.wake = undefined
    })
  })
}
