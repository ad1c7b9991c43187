/** Tests that call the C library: where it cannot be called, the run says what was not run and why. */
import * as Native from "effect-multiprocessing/Native"
import * as Effect from "effect/Effect"

/** Whether a part of the tests can run here, for `describe.runIf`. */
export const natively = (
  what: string,
  needs: keyof Native.Capabilities = "sharedMemory"
): Promise<boolean> =>
  Effect.runPromise(Effect.map(Native.capabilities, (capabilities) => {
    const capability = capabilities[needs]
    if (!capability.available) console.warn(`NOT RUN: ${what}, because ${capability.why}`)
    return capability.available
  }))
