/**
 * Timers one by one, with the place that made each: a count would hide a forgotten one behind one of the test
 * runner's that has just ended.
 */
import * as AsyncHooks from "node:async_hooks"

/** A timer that keeps the event loop going. */
export interface Timer {
  readonly id: number
  /** the place in the program that made it */
  readonly place: string
}

interface Made {
  readonly timeout: NodeJS.Timeout
  /** its frames, which are only written out when somebody asks */
  readonly trace: { readonly stack?: string }
}

const made = new Map<number, Made>()

const depth = 12

const capture = (): { readonly stack?: string } => {
  const before = Error.stackTraceLimit
  Error.stackTraceLimit = depth
  const trace = {}
  Error.captureStackTrace(trace, init)
  Error.stackTraceLimit = before
  return trace
}

const init = (id: number, type: string, _trigger: number, resource: object): void => {
  if (type === "Timeout") made.set(id, { timeout: resource as NodeJS.Timeout, trace: capture() })
}

/** Promises are not followed: they are many, and Node 24 can leave them out. */
const options: AsyncHooks.HookCallbacks & { readonly trackPromises: boolean } = {
  init,
  destroy: (id) => void made.delete(id),
  trackPromises: false
}

let hook: AsyncHooks.AsyncHook | undefined

/** Begins to follow timers; what was made before stays unknown. */
export const follow = (): void => {
  hook ??= AsyncHooks.createHook(options).enable()
}

/** Test runners have deadlines of their own. */
const runner = /\/node_modules\/(?:@?vitest|jest[^/]*|mocha|ava)\/|node:internal\/test_runner/

const nodeOwn = /\(?node:(?!internal\/test_runner)/

const placeOf = ({ stack }: { readonly stack?: string }): string =>
  stack?.split("\n").slice(1).find((frame) => !nodeOwn.test(frame))?.trim().replace(/^at /, "") ?? "Node itself"

/**
 * The timers that are active and hold the event loop, without those of test runners. One that was cleared or has fired
 * counts until the event loop has turned.
 */
export const active = (): ReadonlyArray<Timer> =>
  Array.from(made).flatMap(([id, { timeout, trace }]): ReadonlyArray<Timer> => {
    if (!timeout.hasRef()) return []
    const place = placeOf(trace)
    return runner.test(place) ? [] : [{ id, place }]
  })
