/**
 * All public modules under one name.
 *
 * @stability unstable
 * @since 0.1.0
 */
export * as Process from "./process/Process.ts"
export * as ProcessError from "./process/ProcessError.ts"
export * as ProcessLayer from "./process/ProcessLayer.ts"
export * as Spawner from "./process/Spawner.ts"
export * as Remote from "./remote/Remote.ts"
export * as AuthKey from "./wire/AuthKey.ts"
export * as RemoteError from "./wire/RemoteError.ts"
