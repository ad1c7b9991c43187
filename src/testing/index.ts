/**
 * For tests of programs with processes: finding leaks, killing and freezing processes, waiting for what they do.
 *
 * **Gotchas**
 *
 * All of it looks at the real system and waits in real time. On macOS it is written and untested.
 *
 * @stability unstable
 * @since 0.1.0
 */
export { freeze, kill, SignalRefused, thaw } from "./Chaos.ts"
export * as LeakCheck from "./LeakCheck.ts"
export { descendants, descendantsUnsafe, isAlive, isAliveUnsafe } from "./ProcessTree.ts"
export { NeverHappened, type WaitOptions, waitUntil } from "./Wait.ts"
