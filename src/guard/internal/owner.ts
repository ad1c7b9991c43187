/**
 * Whose a run directory is, and whether its owner lives.
 */
import * as Fs from "node:fs"
import * as Net from "node:net"
import * as Path from "node:path"
import * as ProcessTable from "./processTable.ts"

/** The process that made a run directory. */
export interface Owner extends ProcessTable.Realm {
  readonly pid: number
  readonly start: string
  /** its parent, which is told apart from others when leaks are looked for */
  readonly parent: number
}

/** The name of the owner's socket in its directory. */
export const socketName = "o"

/** The name of the file in it that says whose it is. */
export const fileName = "owner"

/** This process as an owner. Where processes cannot be told apart it has no realm either, and its start says nothing. */
export const self = (): Owner => ({
  ...ProcessTable.realm(),
  pid: process.pid,
  start: ProcessTable.startTime(process.pid) ?? "0",
  parent: process.ppid
})

/** Writes down whose the directory is. */
export const write = (directory: string, owner: Owner): void =>
  Fs.writeFileSync(
    Path.join(directory, fileName),
    `${owner.boot ?? "-"} ${owner.namespace ?? "-"} ${owner.pid} ${owner.start} ${owner.parent}\n`,
    { flag: "wx", mode: 0o600 }
  )

const fromWord = (word: string | undefined): string | undefined => word === "-" ? undefined : word

/** Whose the directory is; `undefined` when it does not say. */
export const read = (directory: string): Owner | undefined => {
  try {
    const text = Fs.readFileSync(Path.join(directory, fileName), "latin1")
    const match = /^(\S+) (\S+) ([1-9]\d*) ([0-9A-Za-z_:]+) (\d+)\n$/.exec(text)
    return match === null ? undefined : {
      boot: fromWord(match[1]),
      namespace: fromWord(match[2]),
      pid: Number(match[3]),
      start: match[4]!,
      parent: Number(match[5])
    }
  } catch {
    return undefined
  }
}

/** Whether the pids of another owner's directory mean the same to us. */
export const sharesRealm = (owner: Owner): boolean => {
  const { boot, namespace } = ProcessTable.realm()
  return boot !== undefined && namespace !== undefined && owner.boot === boot && owner.namespace === namespace
}

/** Whether somebody listens at the directory's socket. */
export const answers = (directory: string): Promise<boolean> => answersAt(Path.join(directory, socketName))

/**
 * Whether somebody listens at a socket's path. The system answers for a listener, so a frozen owner counts. Only a
 * refusal means that there is none: any other error says nothing.
 */
export const answersAt = (path: string): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = Net.connect(path)
    socket.once("connect", () => {
      socket.destroy()
      resolve(true)
    })
    socket.once("error", (error: NodeJS.ErrnoException) => {
      socket.destroy()
      resolve(error.code !== "ECONNREFUSED" && error.code !== "ENOENT")
    })
  })

const hour = 3_600_000

/** Shows cleaners of temporary files, and sweepers on other machines, that the directory is in use. */
const touch = (directory: string): void => {
  const now = new Date()
  try {
    for (const name of Fs.readdirSync(directory, { recursive: true, encoding: "utf8" })) {
      Fs.lutimesSync(Path.join(directory, name), now, now)
    }
    Fs.lutimesSync(directory, now, now)
  } catch {
    // something was removed meanwhile: the next round is in an hour
  }
}

/** Keeps the directory looking used; returns what stops it. */
export const keepFresh = (directory: string): () => void => {
  const timer = setInterval(touch, hour, directory).unref()
  return () => clearInterval(timer)
}

/** How long ago the directory was last touched, in hours. */
export const hoursUntouched = (directory: string): number => (Date.now() - Fs.lstatSync(directory).mtimeMs) / hour
