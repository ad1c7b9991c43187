/**
 * Descriptors over Unix sockets, which `node:net` cannot send nor receive: as functions that throw what `node:fs` throws.
 */
import { constants } from "node:os"
import { failure } from "./errno.ts"

export interface Received {
  readonly bytes: Uint8Array<ArrayBuffer>
  /** closed by whoever has them */
  readonly descriptors: ReadonlyArray<number>
  /** there were more descriptors than were asked for, or than this process may have: the kernel has closed them */
  readonly isTruncated: boolean
}

/** Who is at the other end of a Unix socket, as the kernel knows it. */
export interface Peer {
  readonly pid: number
  readonly uid: number
  readonly gid: number
}

export interface Sockets {
  /** A connected Unix socket that does not block; `undefined` when its listener has no room at the moment. */
  readonly connect: (path: string) => number | undefined
  /** Sends bytes, with the first of them the descriptors; how many have left, none when there is no room at the moment. */
  readonly send: (descriptor: number, bytes: Uint8Array, passed: ReadonlyArray<number>) => number
  /** What is there; `undefined` when nothing is. No bytes: the end. */
  readonly receive: (descriptor: number, size: number, most: number) => Received | undefined
  readonly duplicate: (descriptor: number) => number
  /** Nothing more is sent. */
  readonly shutdown: (descriptor: number) => void
  /** Calls back once, when something can be received or the other end is gone; the result takes that back. */
  readonly whenReadable: (descriptor: number, callback: () => void) => () => void
  /** As `whenReadable`, when there is room. */
  readonly whenWritable: (descriptor: number, callback: () => void) => () => void
  /** `undefined` for what is no Unix socket. */
  readonly peer: (descriptor: number) => Peer | undefined
}

/** what of the package is used here */
interface Koffi {
  readonly address: (bytes: Uint8Array) => bigint
  readonly errno: () => number
  readonly node: {
    readonly poll: (
      descriptor: number,
      options: { readonly readable?: boolean; readonly writable?: boolean; readonly disconnect: boolean },
      callback: () => void
    ) => { readonly close: () => void }
  }
}

interface Library {
  readonly func: (prototype: string) => (...args: ReadonlyArray<unknown>) => any
}

/** Those whose Linux has the layouts and numbers below: 64 bits, little-endian, the generic headers. */
const architectures = new Set<string>(["x64", "arm64", "riscv64", "loong64"])

/** Why none of it can be done here. */
export const refusal = (): string | undefined =>
  architectures.has(process.arch) ? undefined : `what the C library takes is not known for ${process.arch}`

const AF_UNIX = 1
const SOCK_STREAM = 1
const SOCK_NONBLOCK = 0o4000
const SOCK_CLOEXEC = 0o2000000
const SOL_SOCKET = 1
const SCM_RIGHTS = 1
const SO_PEERCRED = 17
const SO_DOMAIN = 39
const MSG_CTRUNC = 0x8
const MSG_DONTWAIT = 0x40
const MSG_NOSIGNAL = 0x4000
const MSG_CMSG_CLOEXEC = 0x40000000
const F_DUPFD_CLOEXEC = 1030
const SHUT_WR = 1

/** bytes of `struct sockaddr_un`, `struct msghdr` and `struct cmsghdr` */
const addressSize = 110
const messageSize = 56
const controlHeader = 16

export const make = (koffi: Koffi, library: Library): Sockets => {
  const why = refusal()
  return why === undefined ? calls(koffi, library) : none(why)
}

const none = (why: string): Sockets => {
  const refuse = (): never => {
    throw Object.assign(new Error(why), { code: "ENOSYS" })
  }
  return {
    connect: refuse,
    send: refuse,
    receive: refuse,
    duplicate: refuse,
    shutdown: refuse,
    whenReadable: refuse,
    whenWritable: refuse,
    peer: refuse
  }
}

const calls = (koffi: Koffi, library: Library): Sockets => {
  const socket = library.func("int socket(int domain, int type, int protocol)")
  const connect = library.func("int connect(int fd, const void *address, uint32_t length)")
  const close = library.func("int close(int fd)")
  const sendmsg = library.func("int64_t sendmsg(int fd, const void *message, int flags)")
  const recvmsg = library.func("int64_t recvmsg(int fd, void *message, int flags)")
  const shutdown = library.func("int shutdown(int fd, int how)")
  const fcntl = library.func("int fcntl(int fd, int command, int argument)")
  const getsockopt = library.func("int getsockopt(int fd, int level, int option, void *value, void *length)")

  const checked = (syscall: string, result: number | bigint): number => {
    if (result < 0) throw failure(syscall, koffi.errno())
    return Number(result)
  }
  /** as `checked`; `undefined` for what is to be tried again */
  const unlessBusy = (syscall: string, attempt: () => number | bigint): number | undefined => {
    for (;;) {
      const result = attempt()
      if (result >= 0) return Number(result)
      const errno = koffi.errno()
      if (errno === constants.errno.EAGAIN) return undefined
      if (errno !== constants.errno.EINTR) throw failure(syscall, errno)
    }
  }
  /** Anything else would be taken for another descriptor: NaN for 0. */
  const known = (syscall: string, descriptor: number): number => {
    if (!Number.isInteger(descriptor) || descriptor < 0 || descriptor > 0x7fffffff) {
      throw failure(syscall, constants.errno.EBADF)
    }
    return descriptor
  }
  const header = Buffer.alloc(messageSize)
  const vector = Buffer.alloc(16)
  /** what the header points to: nobody else may hold it during the call */
  const held: Array<Uint8Array> = []
  /** Fills the `struct msghdr`. */
  const point = (bytes: Uint8Array, control: Uint8Array): void => {
    held.splice(0, held.length, bytes, control)
    vector.writeBigUInt64LE(koffi.address(bytes), 0)
    vector.writeBigUInt64LE(BigInt(bytes.length), 8)
    header.fill(0)
    header.writeBigUInt64LE(koffi.address(vector), 16)
    header.writeBigUInt64LE(1n, 24)
    if (control.length === 0) return
    header.writeBigUInt64LE(koffi.address(control), 32)
    header.writeBigUInt64LE(BigInt(control.length), 40)
  }

  const whenReady = (descriptor: number, events: Parameters<Koffi["node"]["poll"]>[1], callback: () => void) => {
    // In the event loop's way: one socket has one watcher, and a duplicate is another socket to it.
    const watched = checked("fcntl", fcntl(descriptor, F_DUPFD_CLOEXEC, 0))
    let waiting = true
    const stop = (): void => {
      if (!waiting) return
      waiting = false
      poll.close()
      close(watched)
    }
    const poll = koffi.node.poll(watched, events, () => {
      if (!waiting) return
      stop()
      // Node.js 26 does not run what is due after this callback.
      setImmediate(callback)
    })
    return stop
  }

  const optionOf = (descriptor: number, option: number, size: number): Buffer => {
    const value = Buffer.alloc(size)
    const length = Buffer.alloc(4)
    length.writeUInt32LE(size)
    checked("getsockopt", getsockopt(descriptor, SOL_SOCKET, option, value, length))
    return value
  }

  return {
    connect: (path) => {
      const address = Buffer.alloc(addressSize)
      address.writeUInt16LE(AF_UNIX, 0)
      if (address.write(path, 2, "utf8") < Buffer.byteLength(path) || path.includes("\0")) {
        throw failure("connect", constants.errno.ENAMETOOLONG)
      }
      const descriptor = checked("socket", socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0))
      try {
        if (unlessBusy("connect", () => connect(descriptor, address, addressSize)) !== undefined) return descriptor
      } catch (error) {
        close(descriptor)
        throw error
      }
      close(descriptor)
      return undefined
    },
    send: (descriptor, bytes, passed) => {
      const length = controlHeader + 4 * passed.length
      const control = Buffer.alloc(passed.length === 0 ? 0 : (length + 7) & ~7)
      if (passed.length > 0) {
        control.writeBigUInt64LE(BigInt(length), 0)
        control.writeInt32LE(SOL_SOCKET, 8)
        control.writeInt32LE(SCM_RIGHTS, 12)
        passed.forEach((fd, i) => control.writeInt32LE(known("sendmsg", fd), controlHeader + 4 * i))
      }
      point(bytes, control)
      return unlessBusy("sendmsg", () => sendmsg(descriptor, header, MSG_DONTWAIT | MSG_NOSIGNAL)) ?? 0
    },
    receive: (descriptor, size, most) => {
      const bytes = new Uint8Array(size)
      const control = Buffer.alloc(controlHeader + ((4 * most + 7) & ~7))
      point(bytes, control)
      const received = unlessBusy("recvmsg", () => recvmsg(descriptor, header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC))
      if (received === undefined) return undefined
      const end = Number(header.readBigUInt64LE(40))
      const descriptors: Array<number> = []
      for (let at = 0; at + controlHeader <= end;) {
        const length = Number(control.readBigUInt64LE(at))
        if (length < controlHeader) break
        if (control.readInt32LE(at + 8) === SOL_SOCKET && control.readInt32LE(at + 12) === SCM_RIGHTS) {
          for (let i = at + controlHeader; i + 4 <= at + length; i += 4) descriptors.push(control.readInt32LE(i))
        }
        at += (length + 7) & ~7
      }
      const isTruncated = (header.readInt32LE(48) & MSG_CTRUNC) !== 0
      return { bytes: bytes.subarray(0, received), descriptors, isTruncated }
    },
    duplicate: (descriptor) => checked("fcntl", fcntl(known("fcntl", descriptor), F_DUPFD_CLOEXEC, 0)),
    shutdown: (descriptor) => {
      checked("shutdown", shutdown(descriptor, SHUT_WR))
    },
    whenReadable: (descriptor, callback) => whenReady(descriptor, { readable: true, disconnect: true }, callback),
    whenWritable: (descriptor, callback) => whenReady(descriptor, { writable: true, disconnect: true }, callback),
    peer: (descriptor) => {
      // the kernel answers for every socket; only for Unix ones it means something
      if (optionOf(descriptor, SO_DOMAIN, 4).readInt32LE(0) !== AF_UNIX) return undefined
      const value = optionOf(descriptor, SO_PEERCRED, 12)
      return { pid: value.readInt32LE(0), uid: value.readUInt32LE(4), gid: value.readUInt32LE(8) }
    }
  }
}
