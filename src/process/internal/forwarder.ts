/** The child's side of the log channel: the logger that a child has instead of its console. */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import type * as Logger from "effect/Logger"
import type { LogLevel } from "effect/LogLevel"
import * as References from "effect/References"
import { isEmpty } from "../../wire/internal/isEmpty.ts"
import { type Line, longestText, type Reason } from "./logChannel.ts"
import * as Portrait from "./portrait.ts"

// Not imported: an import asks for every export, and so loads the promises and streams of files.
const { writeSync } = process.getBuiltinModule("node:fs")

/**
 * From now on everything that no other logger was provided for is written to `fd`, whoever runs it: it is the default
 * of the Reference that changes, so that fibers of which this library knows nothing are heard too.
 */
export const install = (fd: number): void => {
  const loggers = Context.get(Context.empty(), References.CurrentLoggers) as Set<Logger.Logger<unknown, unknown>>
  const write = writer(fd)
  // The first one is the console's; `effect/Logger`, which could name it, would load files of its own.
  const [toConsole, ...others] = loggers
  const log: Logger.Logger<unknown, void>["log"] = (options) => {
    if (lets(options.logLevel)) write(encode(lineOf(options)))
  }
  loggers.clear()
  for (const logger of [Object.assign(Object.create(Object.getPrototypeOf(toConsole)), { log }), ...others]) {
    loggers.add(logger)
  }
}

let lets: (level: LogLevel) => boolean = () => true

/** What is forwarded from now on, also of what fibers log that run already. */
export const filter = (predicate: (level: LogLevel) => boolean): void => {
  lets = predicate
}

const lineOf = (options: Logger.Options<unknown>): Line => {
  const { cause, date, fiber, logLevel, message } = options
  // What is around a message that is too long stays readable.
  const room = new Portrait.Room(longestText)
  const annotations = fiber.getRef(References.CurrentLogAnnotations)
  const spans = fiber.getRef(References.CurrentLogSpans)
  const { span } = fiber.cache
  const texts = Array.isArray(message) ? message : [message]
  return {
    level: logLevel,
    date: finite(date.getTime()),
    fiber: fiber.id,
    message: Portrait.ofArray(texts, new Portrait.Room(longestText)),
    annotations: isEmpty(annotations) ? undefined : Portrait.ofRecord(annotations, room),
    spans: spans.length === 0
      ? undefined
      : spans.slice(0, mostSpans).map(([label, timestamp]) => [room.cut(label), finite(timestamp)] as const),
    cause: cause.reasons.length === 0 ? undefined : reasonsOf(cause, room),
    trace: span && { traceId: span.traceId, spanId: span.spanId, sampled: span.sampled }
  }
}

/** so many log spans say enough */
const mostSpans = 64

/** A clock may be anybody's. */
const finite = (millis: number): number => Number.isFinite(millis) ? millis : 0

/** so many of a Cause say enough */
const mostReasons = 16

const reasonsOf = ({ reasons }: Cause.Cause<unknown>, room: Portrait.Room): ReadonlyArray<Reason> =>
  reasons.slice(0, mostReasons).map((reason) => {
    if (reason._tag === "Interrupt") return { kind: reason._tag, fiber: reason.fiberId }
    const { name, message, text } = errorOf(Cause.fromReasons([reason]))
    return { kind: reason._tag, name: room.cut(name), message: room.cut(message), text: room.cut(text) }
  })

/** What is thrown may be anything, also what throws when it is looked at. */
const errorOf = (cause: Cause.Cause<unknown>): { name: string; message: string; text: string } => {
  try {
    const [{ message, name }] = Cause.prettyErrors(cause) as [Error]
    return { name, message, text: Cause.pretty(cause) }
  } catch {
    return { name: "Error", message: Portrait.hidden, text: `Error: ${Portrait.hidden}` }
  }
}

const encode = (line: Line): Buffer => {
  const body = JSON.stringify(line)
  const size = Buffer.byteLength(body)
  const frame = Buffer.allocUnsafe(4 + size)
  frame.writeInt32BE(size)
  frame.write(body, 4)
  return frame
}

/** milliseconds */
const pause = 1

/**
 * Returns when the kernel has all of it: who logs faster than the parent reads waits, as with any pipe. Where nobody
 * reads any more, what is logged is nobody's.
 */
const writer = (fd: number): (bytes: Uint8Array) => void => {
  let closed = false
  let sleeper: Int32Array | undefined
  return (bytes) => {
    for (let at = 0; at < bytes.length && !closed;) {
      try {
        at += writeSync(fd, bytes, at)
      } catch (error) {
        // Somebody here has put the pipe out of its blocking mode.
        if ((error as NodeJS.ErrnoException).code === "EAGAIN") {
          sleeper ??= new Int32Array(new SharedArrayBuffer(4))
          Atomics.wait(sleeper, 0, 0, pause)
        } else closed = true
      }
    }
  }
}
