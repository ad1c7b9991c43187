/**
 * All public modules under one name.
 *
 * @stability unstable
 * @since 0.1.0
 */
export * as ProcessError from "./process/ProcessError.ts"
export * as Remote from "./remote/Remote.ts"
export * as RemoteError from "./wire/RemoteError.ts"
