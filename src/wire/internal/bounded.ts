/** characters; a text longer than this says nothing more to its reader */
export const longest = { name: 256, message: 16 << 10, stack: 32 << 10 } as const

/** A text of limited length from what may throw, or give something else than text. */
export const bounded = (read: () => unknown, limit: number): string => {
  try {
    const text = String(read())
    return text.length > limit ? `${text.slice(0, limit)}…` : text
  } catch {
    return "(cannot be shown)"
  }
}
