/** Options of both ends of a served address. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Address from "../../connection/Address.ts"
import { ConnectionError } from "../../connection/ConnectionError.ts"
import { InvalidOption } from "../../wire/InvalidOption.ts"
import type * as Session from "../../wire/Session.ts"

/** bytes of the longest message before a connection is a session; none of them is long */
export const beginningLimit = 1 << 10

const defaultPing = 10_000
const defaultClose = 5_000
const defaultInterrupt = 5_000

export interface Common {
  readonly pingInterval?: Duration.Input | undefined
  readonly interruptTimeout?: Duration.Input | undefined
  readonly closeTimeout?: Duration.Input | undefined
  readonly limit?: number | undefined
}

/** What the sessions of both ends are made with. `log` hears of the calls that are no longer waited for. */
export const sessionOptions = (
  address: Address.Address,
  options: Common,
  log: (message: string) => void
) => {
  const ping = millis(options.pingInterval, address._tag === "Tcp" ? defaultPing : Number.POSITIVE_INFINITY)
  const interrupt = millis(options.interruptTimeout, defaultInterrupt)
  return {
    closeTimeout: closeTimeout(options),
    maxRecord: options.limit,
    pingInterval: Number.isFinite(ping) ? ping : undefined,
    overdue: {
      after: () => interrupt,
      force: (method, waited) =>
        log(`${method} had not let go ${Math.round(waited)} ms after its interruption, and is no longer waited for`),
      goOn: true
    }
  } satisfies Partial<Session.Options>
}

export const closeTimeout = (options: Common): number => millis(options.closeTimeout, defaultClose)

export const millis = (duration: Duration.Input | undefined, otherwise: number): number =>
  duration === undefined ? otherwise : Duration.toMillis(duration)

const durations = ["timeout", "closeTimeout", "interruptTimeout", "pingInterval", "waitTimeout"] as const
const wholes = ["limit", "maxClients", "calls", "pending", "backlog"] as const

/** Fails with the first option that is none, also where the types were bypassed. */
export const check = (
  options:
    & {
      readonly [K in typeof durations[number]]?: Duration.Input | undefined
    }
    & { readonly [K in typeof wholes[number]]?: number | undefined }
): Effect.Effect<void, ConnectionError> =>
  Effect.suspend(() => {
    for (const option of durations) {
      const value = options[option]
      if (value !== undefined && (Number.isNaN(value) || Option.isNone(Duration.fromInput(value)))) {
        return Effect.fail(invalid(option, `${String(value)} is not a duration`))
      }
    }
    for (const option of wholes) {
      const value = options[option]
      if (value !== undefined && !(Number.isInteger(value) && value > 0)) {
        return Effect.fail(invalid(option, `${value} is not a positive whole number`))
      }
    }
    return Effect.void
  })

export const invalid = (option: string, detail: string): ConnectionError =>
  new ConnectionError({ reason: new InvalidOption({ option, detail }) })
