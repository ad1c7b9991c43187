import type * as Net from "node:net"
import * as Payloads from "../payloads.ts"

type Question =
  | { readonly echo: unknown }
  | { readonly see: Uint8Array }
  | { readonly socket: number }
  | { readonly numbers: { readonly count: number; readonly chunk: number } }
  | { readonly blobs: { readonly count: number; readonly size: number } }
  | { readonly lines: { readonly count: number } }

/** When the channel has had enough, one waits. */
const send = (message: unknown): Promise<void> | undefined => {
  let sent: () => void
  const whenSent = new Promise<void>((resolve) => sent = resolve)
  return process.send!(message, () => sent()) ? undefined : whenSent
}

/** who is gone needs no answer */
const ignore = () => undefined

process.on("message", async (question: Question, handle?: Net.Socket) => {
  if ("echo" in question) return process.send!(question.echo, ignore)
  if ("see" in question) return process.send!(Payloads.see(question.see, question.see.length), ignore)
  if ("socket" in question) return handle!.end(Uint8Array.of(question.socket), () => handle!.destroy())
  if ("numbers" in question) {
    const { chunk, count } = question.numbers
    for (let n = 0; n < count; n += chunk) {
      await send(Array.from({ length: Math.min(chunk, count - n) }, (_, i) => n + i + 1))
    }
  } else if ("lines" in question) {
    const { count } = question.lines
    for (let n = 0; n < count; n++) {
      await send([{ level: "info", time: Date.now(), pid: process.pid, message: "a line", n }])
    }
  } else {
    const { count, size } = question.blobs
    const blob = Payloads.bytes(size).make(0)
    for (let n = 0; n < count; n++) await send([blob])
  }
  return send(null)
})
