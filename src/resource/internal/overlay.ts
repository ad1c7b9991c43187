/**
 * A SharedArrayBuffer over a file's memory.
 *
 * JavaScript makes no SharedArrayBuffer of memory that it did not allocate. So it allocates one, as the memory of a
 * WebAssembly that never is: such a memory begins on a page of its own, and never moves. Then the file is mapped in its
 * place. V8 unmaps whatever is there when nobody has the buffer any more.
 */
import type { System } from "./system.ts"

/** bytes; WebAssembly's memories have whole pages of this size, which are whole pages of every system's */
const page = 65_536

/** bytes that one may have */
export const largest = 2 ** 32

/** What is used of WebAssembly; its types are the browser's. */
interface WebAssemblyMemory {
  new(pages: { readonly initial: number; readonly maximum: number; readonly shared: true }): {
    readonly buffer: SharedArrayBuffer
  }
}

/** Whether this Node.js has it: `--jitless` has not. */
export const isAvailable = (): boolean => "WebAssembly" in globalThis

/** A file's memory. */
export interface Overlay {
  readonly buffer: SharedArrayBuffer
  /** Touches all of it, on another thread; it must stay meanwhile. */
  readonly populate: () => Promise<void>
  /** Puts zeros in its place. Views of the buffer stay usable, in other threads too. */
  readonly remove: () => void
}

/** Maps the first `size` bytes of a file; what the buffer has more than that belongs to this process alone. */
export const make = (system: System, descriptor: number, size: number): Overlay => {
  const pages = Math.ceil(size / page)
  const { Memory } = (globalThis as unknown as { readonly WebAssembly: { readonly Memory: WebAssemblyMemory } })
    .WebAssembly
  const { buffer } = new Memory({ initial: pages, maximum: pages, shared: true })
  const address = system.addressOf(new Uint8Array(buffer))
  system.map(address, size, descriptor)
  // The address is ours only as long as the buffer is held: then something else may be there.
  let held: SharedArrayBuffer | undefined = buffer
  return {
    buffer,
    populate: () => system.populate(address, size),
    remove: () => {
      if (held === undefined) return
      system.unmap(address, size)
      held = undefined
    }
  }
}
