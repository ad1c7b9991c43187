/** The objects that every manager has. */
import type { BuiltIn } from "./builtIn.ts"

export const builtIns: ReadonlyArray<BuiltIn> = []
