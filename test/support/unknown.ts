/** Values that are hard to look at. */
export const Unknown = {
  throwingGetter: (name: string): object =>
    Object.defineProperty({}, name, {
      enumerable: true,
      get: () => {
        throw new Error("it throws")
      }
    }),
  cyclic: (): object => {
    const value: Record<string, unknown> = { name: "cycle" }
    value["self"] = value
    return value
  }
}
