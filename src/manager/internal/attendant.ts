/** One client of a manager: what it holds, by numbers of its own choice, until it gives it back or is gone. */
import type { Held, Holder } from "./builtIn.ts"
import type { Instance, ObjectTable } from "./objectTable.ts"

/** A lease of an object. */
class Lease implements Held {
  readonly instance: Instance
  private readonly table: ObjectTable

  constructor(table: ObjectTable, instance: Instance) {
    this.table = table
    this.instance = instance
  }

  release(): void {
    this.table.discount(this.instance, "leases")
  }

  abandon(): void {
    this.release()
  }
}

export class Attendant implements Holder {
  readonly name: string
  private readonly table: ObjectTable
  private readonly holds = new Map<number, Held>()
  /** numbers of objects that are being made; true when nobody wants them any more */
  private readonly making = new Map<number, boolean>()
  private gone = false

  constructor(name: string, table: ObjectTable) {
    this.name = name
    this.table = table
  }

  hold(number: number, held: Held): boolean {
    if (this.gone || this.holds.has(number) || this.making.has(number)) return false
    this.holds.set(number, held)
    return true
  }

  held(number: number): Held | undefined {
    return this.holds.get(number)
  }

  drop(number: number): void {
    this.holds.delete(number)
  }

  /** The object that the client leases under a number. */
  instance(number: number): Instance | undefined {
    const held = this.holds.get(number)
    return held instanceof Lease ? held.instance : undefined
  }

  /** Turns one lease of an object that is counted already into this client's. */
  lease(number: number, instance: Instance): boolean {
    const lease = new Lease(this.table, instance)
    if (this.hold(number, lease)) return true
    lease.release()
    return false
  }

  /** From now on the client may give back what it has asked for, before it is there. */
  begin(number: number): boolean {
    if (this.gone || this.holds.has(number) || this.making.has(number)) return false
    this.making.set(number, false)
    return true
  }

  /** Whether what has been made is still wanted. */
  finish(number: number): boolean {
    const unwanted = this.making.get(number)
    this.making.delete(number)
    return unwanted === false && !this.gone
  }

  release(numbers: ReadonlyArray<number>): void {
    for (const number of numbers) {
      if (this.making.has(number)) this.making.set(number, true)
      this.take(number)?.release()
    }
  }

  abandon(number: number): void {
    this.take(number)?.abandon()
  }

  private take(number: number): Held | undefined {
    const held = this.holds.get(number)
    this.holds.delete(number)
    return held
  }

  /** The client is gone, however it went. */
  end(): void {
    if (this.gone) return
    this.gone = true
    // What has to do with objects before the objects themselves, so that nobody is handed what ends with them; the last
    // first, so that what goes back to a queue is in its order again.
    const holds = [...this.holds.values()].toReversed()
    this.holds.clear()
    for (const held of holds) if (!(held instanceof Lease)) held.abandon()
    for (const held of holds) if (held instanceof Lease) held.abandon()
  }

  /** How many leases it has of each object. */
  *leases(): Iterable<Instance> {
    for (const held of this.holds.values()) if (held instanceof Lease) yield held.instance
  }
}
