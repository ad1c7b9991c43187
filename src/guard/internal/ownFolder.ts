/** Whether a folder is really ours. This file is loaded by a child before `effect` is: it imports nothing else. */

// see boot.ts
const Fs = process.getBuiltinModule("node:fs")

/** The user whom new files belong to. */
export const uid = (): number => process.geteuid?.() ?? -1

/** Why a folder cannot be trusted as one of ours, if so. A link is never followed. */
export const refusal = (folder: string): string | undefined => {
  const stat = Fs.lstatSync(folder)
  if (stat.isSymbolicLink()) return "it is a symbolic link"
  if (!stat.isDirectory()) return "it is not a directory"
  if (stat.uid !== uid()) return `it belongs to user ${stat.uid}`
  if ((stat.mode & 0o777) !== 0o700) return `its mode is ${(stat.mode & 0o777).toString(8)}, not 700`
  return undefined
}

/** Makes a folder that nobody else may look into; says why an existing one of that name is not to be trusted. */
export const make = (folder: string): string | undefined => {
  try {
    Fs.mkdirSync(folder, { mode: 0o700 })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error
  }
  return refusal(folder)
}
