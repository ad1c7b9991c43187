/** Whether two types are the same: not merely assignable both ways. */
export type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true : false

/** Fails to compile for any argument but `true`. */
export const is = <_A extends true, _B extends true = true, _C extends true = true>(): void => {}
