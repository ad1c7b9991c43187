/**
 * All public modules under one name.
 *
 * @stability unstable
 * @since 0.1.0
 */
export * as Address from "./connection/Address.ts"
export * as Authentication from "./connection/Authentication.ts"
export * as Connection from "./connection/Connection.ts"
export * as ConnectionError from "./connection/ConnectionError.ts"
export * as Listener from "./connection/Listener.ts"
export * as Manager from "./manager/Manager.ts"
export * as RemoteBarrier from "./manager/RemoteBarrier.ts"
export * as RemoteBoundedSemaphore from "./manager/RemoteBoundedSemaphore.ts"
export * as RemoteCondition from "./manager/RemoteCondition.ts"
export * as RemoteEvent from "./manager/RemoteEvent.ts"
export * as RemoteLock from "./manager/RemoteLock.ts"
export * as RemoteRLock from "./manager/RemoteRLock.ts"
export * as RemoteSemaphore from "./manager/RemoteSemaphore.ts"
export * as SyncError from "./manager/SyncError.ts"
export * as Process from "./process/Process.ts"
export * as ProcessError from "./process/ProcessError.ts"
export * as ProcessLayer from "./process/ProcessLayer.ts"
export * as Spawner from "./process/Spawner.ts"
export * as ManagerError from "./remote/ManagerError.ts"
export * as Remote from "./remote/Remote.ts"
export * as RemoteClient from "./remote/RemoteClient.ts"
export * as RemoteServer from "./remote/RemoteServer.ts"
export * as Native from "./resource/Native.ts"
export * as ResourceError from "./resource/ResourceError.ts"
export * as AuthKey from "./wire/AuthKey.ts"
export * as RemoteError from "./wire/RemoteError.ts"
