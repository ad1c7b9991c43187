/** The parent's side of the log channel: a child's lines, given to the loggers of who started it. */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as References from "effect/References"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Tracer from "effect/Tracer"
import type { Readable } from "node:stream"
import { levels, type Line, longestLine, type Reason } from "./logChannel.ts"

const Text = Schema.Struct({ name: Schema.String, message: Schema.String, text: Schema.String })

const decode = Schema.decodeUnknownResult(Schema.fromJsonString(Schema.Struct({
  level: Schema.Literals(levels),
  date: Schema.Finite,
  fiber: Schema.Finite,
  message: Schema.Array(Schema.Unknown),
  annotations: Schema.optionalKey(Schema.Record(Schema.String, Schema.Unknown)),
  spans: Schema.optionalKey(Schema.Array(Schema.Tuple([Schema.String, Schema.Finite]))),
  cause: Schema.optionalKey(Schema.Array(Schema.Union([
    Schema.Struct({ kind: Schema.Literals(["Fail", "Die"]), ...Text.fields }),
    Schema.Struct({ kind: Schema.Literal("Interrupt"), fiber: Schema.optionalKey(Schema.Finite) })
  ]))),
  trace: Schema.optionalKey(
    Schema.Struct({ traceId: Schema.String, spanId: Schema.String, sampled: Schema.Boolean })
  )
})))

/** Whose lines they are, and whose loggers they are given to. */
export interface Source {
  readonly name: string
  readonly pid: number
  /** in which the child was started */
  readonly context: Context.Context<never>
}

/**
 * Gives each line to the loggers as soon as it has been read. Nothing is read meanwhile, and other work gets its turn
 * after each chunk: who logs faster waits, and this process never holds more than one chunk and one line of it.
 */
export const follow = (pipe: Readable, source: Source): void => {
  const give = giver(source)
  const read = frames()
  pipe.on("error", () => {})
  pipe.on("data", (chunk: Buffer) => {
    pipe.pause()
    const broken = read(chunk, give)
    if (broken === undefined) setImmediate(() => pipe.resume())
    else {
      pipe.destroy()
      complain(source, broken)
    }
  })
}

/** Says what is wrong with what has been read, if anything is. */
type Give = (frame: Buffer) => string | undefined

/** A frame that a process did not live to finish is dropped with what else is left at the end. */
const frames = () => {
  let parts: Array<Buffer> = []
  let size = 0
  let wanted = 4
  return (chunk: Buffer, give: Give): string | undefined => {
    parts.push(chunk)
    size += chunk.length
    if (size < wanted) return undefined
    const bytes = parts.length === 1 ? chunk : Buffer.concat(parts)
    let at = 0
    wanted = 4
    while (bytes.length - at >= 4) {
      const length = bytes.readInt32BE(at)
      if (length < 0 || length > longestLine) return `a line of ${length} bytes`
      if (bytes.length - at - 4 < length) {
        wanted = 4 + length
        break
      }
      at += 4
      const broken = give(bytes.subarray(at, at + length))
      if (broken !== undefined) return broken
      at += length
    }
    parts = at === bytes.length ? [] : [bytes.subarray(at)]
    size = bytes.length - at
    return undefined
  }
}

const giver = (source: Source): Give => {
  const { name, pid } = source
  // The span in which a child was started is not that of what it does later.
  const context = Context.omit(Tracer.ParentSpan)(source.context) as Context.Context<never>
  const inherited = Context.get(context, References.CurrentLogAnnotations)
  let failed = false
  return (frame) => {
    const decoded = decode(frame.toString("utf8"))
    if (Result.isFailure(decoded)) return decoded.failure.message
    const line: Line = decoded.success
    const annotations = { ...inherited, process: name, pid, ...line.annotations }
    let own = Context.add(context, References.CurrentLogAnnotations, annotations)
    own = Context.add(own, References.CurrentLogSpans, (line.spans ?? []).map(([label, at]) => [label, at]))
    if (line.trace !== undefined) {
      own = Context.add(own, Tracer.ParentSpan, Tracer.externalSpan(line.trace)) as Context.Context<never>
    }
    const exit = Effect.runForkWith(own)(log(line)).pollUnsafe()!
    if (Exit.isFailure(exit) && !failed) {
      failed = true
      process.emitWarning(`a logger cannot take what ${name} (pid ${pid}) logs: ${Cause.pretty(exit.cause)}`)
    }
    return undefined
  }
}

/** As `Effect.log` does it, in the name of the fiber that logged in the child. */
const log = ({ cause = [], date, fiber: id, level, message }: Line): Effect.Effect<void> =>
  Effect.withFiber((fiber) => {
    Object.defineProperty(fiber, "id", { value: id })
    const options = {
      cause: Cause.fromReasons(cause.map(reasonOf)),
      date: new Date(date),
      fiber,
      logLevel: level,
      message
    }
    for (const logger of fiber.getRef(References.CurrentLoggers)) logger.log(options)
    return Effect.void
  })

const reasonOf = (reason: Reason): Cause.Reason<Error> => {
  switch (reason.kind) {
    case "Fail":
      return Cause.makeFailReason(errorOf(reason))
    case "Die":
      return Cause.makeDieReason(errorOf(reason))
    case "Interrupt":
      return Cause.makeInterruptReason(reason.fiber)
  }
}

/** `Cause.pretty` says of it what it said in the child. */
const errorOf = ({ message, name, text }: Schema.Schema.Type<typeof Text>): Error => {
  const error = new Error(message)
  error.name = name
  error.stack = text
  return error
}

const complain = ({ context, name, pid }: Source, detail: string): void => {
  Effect.runSyncWith(context)(
    Effect.annotateLogs(
      Effect.logError(`What this process logs is lost from now on, its log channel is broken: ${detail}`),
      { process: name, pid }
    )
  )
}
