/**
 * Busy polling: who has sent something and is answered at once, as a rule, looks for the answer for a moment before the
 * kernel may put this process to sleep. To wake one up takes longer than most answers, on virtual machines several times
 * as long, and each side of a conversation would pay for it each time.
 *
 * It is done only where it pays. Whoever waits in vain too often leaves it out the next time, then twice as many times,
 * and so on: on a busy machine, or with a peer that takes its time, it costs next to nothing. There is one more reason
 * for which it may be in vain: a kernel likes to wake who is answered where it was woken from, and then both take turns
 * on one core, whatever others there are, and who looks is in the other's way. So where several are sent at a time, on
 * which both could work at once, and answers come in time although nobody looks, it is tried again sooner, and at last
 * for as long as it takes a kernel to see that two want to run.
 */
import { availableParallelism } from "node:os"

/** milliseconds that one may look for an answer, about as long as it takes to be put to sleep and woken up again */
const moment = 0.2

/** milliseconds in which a kernel moves one of two to another core: a tick, which many have every 4 */
const longMoment = 5

/** answers that pay for one wait in vain, and for how many of them they can pay in advance */
const vainCost = 8
const mostCredit = 4 * vainCost

/** times that it is left out at most */
const mostLeftOut = 1023

/** what are several; for how many times an answer to them counts that came in time nevertheless; and the most for these */
const several = 4
const inTimeCounts = 8
const mostLeftOutOfSeveral = 2 ** 17 - 1

/** times that it was left out, after which one looks for long */
const longAfter = 100

/** On a single core nobody could answer meanwhile. */
const mayPay = availableParallelism() > 1

/** in no order; each knows its place, since a Set would be made anew whenever it becomes empty */
const waiting: Array<Expectation> = []
let turning = false

/** Immediates keep the event loop from sleeping: it looks for events and goes on. */
const turn = (): void => {
  const now = performance.now()
  // From the end: in the place of one that leaves comes the last.
  for (let i = waiting.length - 1; i >= 0; i--) {
    if (now > waiting[i]!.until) waiting[i]!.inVain()
  }
  if (waiting.length > 0) setImmediate(turn)
  else turning = false
}

/** One for each that is answered: what it has learned is about these. */
export class Expectation {
  /** as `performance.now()` tells it, like all times */
  until = 0
  /** its place among those who look, or -1 */
  private place = -1
  private sent = 0
  /** of a long look that was begun, else 0 */
  private longUntil = 0
  /** answers that have come, and have not paid for anything yet */
  private credit = vainCost + 1
  private leftOut = 0
  private toLeaveOut = 0
  private ofSeveral = false

  /** Whether answers come at once, as a rule, so that both sides work at the same time if they are sent something early. */
  get lively(): boolean {
    return mayPay && this.toLeaveOut === 0
  }

  /** Something was sent; so much at once. */
  begin(count = 1): void {
    if (!mayPay) return
    this.ofSeveral = count >= several
    this.sent = performance.now()
    if (this.toLeaveOut > 0) return void this.toLeaveOut--
    if (this.sent > this.longUntil) {
      if (this.leftOut <= longAfter || !this.ofSeveral) this.longUntil = 0
      else if (this.longUntil > 0) return this.leaveOut()
      else this.longUntil = this.sent + longMoment
    }
    this.until = Math.max(this.sent + moment, this.longUntil)
    if (this.place < 0) this.place = waiting.push(this) - 1
    if (turning) return
    turning = true
    setImmediate(turn)
  }

  /** Something has arrived. */
  end(): void {
    if (this.stopLooking()) {
      if (this.longUntil > 0 && !this.isInTime) return
      if (this.credit < mostCredit) this.credit++
      this.leftOut = 0
    } else if (this.toLeaveOut > 0 && this.ofSeveral && this.isInTime) {
      this.toLeaveOut = Math.max(0, this.toLeaveOut - inTimeCounts)
    }
  }

  private get isInTime(): boolean {
    return performance.now() < this.sent + moment
  }

  inVain(): void {
    this.stopLooking()
    this.credit -= vainCost
    if (this.credit <= 0) this.leaveOut()
  }

  /** Whether it was looking. */
  private stopLooking(): boolean {
    const { place } = this
    if (place < 0) return false
    this.place = -1
    const last = waiting.pop()!
    if (last !== this) {
      waiting[place] = last
      last.place = place
    }
    return true
  }

  private leaveOut(): void {
    this.credit = 0
    this.longUntil = 0
    const most = this.ofSeveral ? mostLeftOutOfSeveral : mostLeftOut
    this.toLeaveOut = this.leftOut = Math.min(most, 2 * this.leftOut + 1)
  }
}
