/** Proxies of locks. */
import type * as Duration from "effect/Duration"
import * as Remote from "../../remote/Remote.ts"
import type { RemoteLock } from "../RemoteLock.ts"
import type { RemoteRLock } from "../RemoteRLock.ts"
import * as Acquire from "./acquire.ts"
import { lockMethods, takenMethods } from "./lockContract.ts"

export class Lock extends Remote.Object<Lock>()("effect-multiprocessing/Lock", { methods: takenMethods })
  implements RemoteLock
{
  get acquire() {
    return Acquire.acquire(this)
  }
  get tryAcquire() {
    return (timeout: Duration.Input = 0) => Acquire.tryAcquire(this, timeout)
  }
  get withLock() {
    return Acquire.withLock(this)
  }
  get take() {
    return Acquire.take(this)
  }
  get tryTake() {
    return (timeout: Duration.Input = 0) => Acquire.tryTake(this, timeout)
  }
  get release() {
    return this.giveBack()
  }
  get isLocked() {
    return this.locked()
  }
}

export class RLock extends Remote.Object<RLock>()("effect-multiprocessing/RLock", { methods: lockMethods })
  implements RemoteRLock
{
  get acquire() {
    return Acquire.acquire(this)
  }
  get tryAcquire() {
    return (timeout: Duration.Input = 0) => Acquire.tryAcquire(this, timeout)
  }
  get withLock() {
    return Acquire.withLock(this)
  }
  get isLocked() {
    return this.locked()
  }
}
