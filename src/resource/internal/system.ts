/**
 * What `node:fs` cannot do, as functions that throw what `node:fs` throws. This is the one file that loads a package for
 * calls into the C library.
 */
import { constants } from "node:os"
import { failure } from "./errno.ts"
import * as Sockets from "./sockets.ts"

/** What the C library of this Linux does for us. */
export interface System {
  /** where the memory of a buffer is */
  readonly addressOf: (bytes: Uint8Array<SharedArrayBuffer>) => bigint
  /** Puts a file's memory in the place of what is at an address. */
  readonly map: (address: bigint, length: number, descriptor: number) => void
  /** Touches all that is mapped there, for whoever will; of much on another thread. */
  readonly populate: (address: bigint, length: number) => Promise<void>
  /** Puts zeros there again, which nobody else sees; they take no memory until they are written to. */
  readonly unmap: (address: bigint, length: number) => void
  /** Makes sure that the file really has so many bytes; of many on another thread. */
  readonly reserve: (descriptor: number, length: number) => Promise<void>
  /** Gives a file that has no name one, if nobody has it. */
  readonly link: (descriptor: number, path: string) => void
  /** Makes a file that never has a name in a directory; what it is called shows in `/proc`. */
  readonly anonymous: (name: string) => number
  /** Refuses everybody, ourselves included, another size for an anonymous file. */
  readonly seal: (descriptor: number) => void
  /** Descriptors over Unix sockets. */
  readonly sockets: Sockets.Sockets
}

/** The package, and how it is installed. */
export const packageName = "koffi"
export const install = "npm install koffi"

/** `<fcntl.h>`, `<sys/mman.h>` and `<linux/memfd.h>` of every Linux that Node.js runs on */
const AT_FDCWD = -100
const AT_SYMLINK_FOLLOW = 0x400
const PROT_READ_WRITE = 1 | 2
const MAP_SHARED = 1
const MAP_PRIVATE = 2
const MAP_FIXED = 0x10
const MAP_ANONYMOUS = 0x20
const MAP_NORESERVE = 0x4000
const MADV_POPULATE_WRITE = 23
const MFD_CLOEXEC = 1
const MFD_ALLOW_SEALING = 2
const F_ADD_SEALS = 1033
const F_SEAL_SEAL = 1
const F_SEAL_SHRINK = 2
const F_SEAL_GROW = 4

/** bytes that are made ready within 4 ms; by another thread, of another core, it and all that follows take longer */
const few = 16 << 20

const load = async (): Promise<System> => {
  const { default: koffi } = await import("koffi")
  const library = koffi.load(null)
  const mmap = library.func(
    "uintptr_t mmap(uintptr_t address, size_t length, int protection, int flags, int fd, int64_t offset)"
  )
  const madvise = library.func("int madvise(uintptr_t address, size_t length, int advice)")
  const posixFallocate = library.func("int posix_fallocate(int fd, int64_t offset, int64_t length)")
  const linkat = library.func("int linkat(int fromFd, const char *from, int toFd, const char *to, int flags)")
  const memfdCreate = library.func("int memfd_create(const char *name, unsigned int flags)")
  const fcntl = library.func("int fcntl(int fd, int command, int argument)")

  const mapAt = (address: bigint, length: number, flags: number, descriptor: number): void => {
    // what is already zeros is not asked for again; anything else than the address is the error value
    const at: number | bigint = mmap(address, length, PROT_READ_WRITE, flags | MAP_FIXED, descriptor, 0)
    if (BigInt(at) !== address) throw failure("mmap", koffi.errno())
  }
  const checked = (syscall: string, result: number): number => {
    if (result < 0) throw failure(syscall, koffi.errno())
    return result
  }
  /** Calls what is quick for few bytes, and takes a while for many: then on another thread. */
  const called = async (f: typeof madvise, bytes: number, ...args: ReadonlyArray<unknown>): Promise<number> =>
    bytes <= few
      ? f(...args)
      : await new Promise((resolve, reject) =>
        f.async(...args, (error: Error | null, result: number) => error === null ? resolve(result) : reject(error))
      )
  const allocate = (descriptor: number, length: number): Promise<number> =>
    called(posixFallocate, length, descriptor, 0, length)

  return {
    addressOf: koffi.address,
    map: (address, length, descriptor) => mapAt(address, length, MAP_SHARED, descriptor),
    populate: async (address, length) => {
      // No more than advice: what it does not do, a kernel before 5.14 nothing, is done at the first touch.
      await called(madvise, length, address, length, MADV_POPULATE_WRITE)
    },
    unmap: (address, length) => mapAt(address, length, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1),
    reserve: async (descriptor, length) => {
      let errno = await allocate(descriptor, length)
      // a signal came in between
      while (errno === constants.errno.EINTR) errno = await allocate(descriptor, length)
      if (errno !== 0) throw failure("posix_fallocate", errno)
    },
    link: (descriptor, path) => {
      checked("linkat", linkat(AT_FDCWD, `/proc/self/fd/${descriptor}`, AT_FDCWD, path, AT_SYMLINK_FOLLOW))
    },
    anonymous: (name) => checked("memfd_create", memfdCreate(name, MFD_CLOEXEC | MFD_ALLOW_SEALING)),
    seal: (descriptor) => {
      checked("fcntl", fcntl(descriptor, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW))
    },
    sockets: Sockets.make(koffi, library)
  }
}

let loaded: Promise<System> | undefined

/** Loads the package, once. */
export const system = (): Promise<System> => loaded ??= load()
