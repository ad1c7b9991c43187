/**
 * Busy polling: who has sent something and is answered at once, as a rule, looks for the answer for a moment before the
 * kernel may put this process to sleep. To wake one up takes longer than most answers, on virtual machines several times
 * as long, and each side of a conversation would pay for it each time.
 *
 * It is done only where it pays. Whoever waits in vain too often leaves it out the next time, then twice as many times,
 * and so on: on a busy machine, or with a peer that takes its time, it costs next to nothing.
 */
import { availableParallelism } from "node:os"

/** milliseconds that one may look for an answer, about as long as it takes to be put to sleep and woken up again */
const moment = 0.2

/** answers that pay for one wait in vain, and for how many of them they can pay in advance */
const vainCost = 8
const mostCredit = 4 * vainCost

/** times that it is left out at most */
const mostLeftOut = 1023

/** On a single core nobody could answer meanwhile. */
const mayPay = availableParallelism() > 1

const waiting = new Set<Expectation>()
let turning = false

/** Immediates keep the event loop from sleeping: it looks for events and goes on. */
const turn = (): void => {
  const now = performance.now()
  for (const expectation of waiting) {
    if (now > expectation.until) expectation.inVain()
  }
  if (waiting.size > 0) setImmediate(turn)
  else turning = false
}

/** One for each that is answered: what it has learned is about these. */
export class Expectation {
  /** as `performance.now()` tells it */
  until = 0
  /** answers that have come, and have not paid for anything yet */
  private credit = vainCost + 1
  private leftOut = 0
  private toLeaveOut = 0

  /** Something was sent. */
  begin(): void {
    if (!mayPay) return
    if (this.toLeaveOut > 0) return void this.toLeaveOut--
    this.until = performance.now() + moment
    waiting.add(this)
    if (turning) return
    turning = true
    setImmediate(turn)
  }

  /** Something has arrived. */
  end(): void {
    if (!waiting.delete(this)) return
    if (this.credit < mostCredit) this.credit++
    this.leftOut = 0
  }

  inVain(): void {
    waiting.delete(this)
    this.credit -= vainCost
    if (this.credit > 0) return
    this.credit = 0
    this.toLeaveOut = this.leftOut = Math.min(mostLeftOut, 2 * this.leftOut + 1)
  }
}
