/**
 * The level that this process's parent has set while it runs. It counts for the handlers that are called from then on,
 * whatever their Layer was built with: a fiber that runs already keeps the level that it has.
 */
import * as Context from "effect/Context"
import type { LogLevel } from "effect/LogLevel"
import * as References from "effect/References"

let level: LogLevel | undefined

export const set = (value: LogLevel): void => {
  level = value
}

/** The services that a handler is given. */
export const within = (services: Context.Context<never>): Context.Context<never> =>
  level === undefined ? services : Context.add(services, References.MinimumLogLevel, level)
