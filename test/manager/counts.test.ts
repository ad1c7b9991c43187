/**
 * What keeps objects alive, against a model of it: random creates, copies to other clients, tickets that wait, stores in
 * containers, reads, drops and cuts. After each step the manager's own account is the model's, and nothing is left in the
 * end.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as fc from "fast-check"
import { List } from "../../src/manager/internal/list.ts"
import { contracts, type ObjectInfo, type Ref } from "../../src/remote/internal/control.ts"
import * as DeclareObject from "../../src/remote/internal/declareObject.ts"
import * as Proxies from "../../src/remote/internal/proxies.ts"
import { Counter } from "../fixtures/manager/objects.ts"
import * as Attended from "../support/attended.ts"

type Step =
  | { readonly _tag: "create"; readonly client: number }
  | { readonly _tag: "copy" | "send" | "store"; readonly proxy: number; readonly client: number }
  | { readonly _tag: "receive" | "read"; readonly item: number; readonly client: number }
  | { readonly _tag: "drop" | "retain"; readonly proxy: number }
  | { readonly _tag: "unstore"; readonly item: number }
  | { readonly _tag: "cut"; readonly client: number }

const clients = 3
const small = fc.nat({ max: 7 })
const client = fc.nat({ max: clients - 1 })
const one = <T extends Step["_tag"]>(_tag: T) => fc.constant(_tag)

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ _tag: one("create"), client }) },
  {
    weight: 6,
    arbitrary: fc.record({
      _tag: fc.constantFrom("copy" as const, "send" as const, "store" as const),
      proxy: small,
      client
    })
  },
  {
    weight: 3,
    arbitrary: fc.record({ _tag: fc.constantFrom("receive" as const, "read" as const), item: small, client })
  },
  { weight: 3, arbitrary: fc.record({ _tag: fc.constantFrom("drop" as const, "retain" as const), proxy: small }) },
  { weight: 1, arbitrary: fc.record({ _tag: one("unstore"), item: small }) },
  { weight: 1, arbitrary: fc.record({ _tag: one("cut"), client }) }
)

interface Account {
  leases: number
  tickets: number
  stored: number
}

interface Proxy {
  readonly object: number
  readonly owner: Attended.Client
  readonly proxy: Counter
  readonly scope: Scope.Closeable
}

const run = (steps: ReadonlyArray<Step>) =>
  Effect.gen(function*() {
    const server = yield* Attended.server
    const root = yield* Attended.connect(server, "root")
    const list = yield* DeclareObject.create(root.at, List, Attended.managerId, { values: [] }) as Effect.Effect<
      List,
      never,
      Scope.Scope
    >
    const others: Array<Attended.Client> = []
    for (let i = 0; i < clients; i++) others.push(yield* Attended.connect(server, `client ${i}`))

    const accounts = new Map<number, Account>()
    let proxies: Array<Proxy> = []
    /** tickets on their way, and what is in the list */
    const mail: Array<{ readonly object: number; readonly ref: Ref }> = []
    const items: Array<number> = []
    let created = 0
    const account = (object: number) => accounts.get(object)!

    const lease = (owner: Attended.Client, object: number, obtain: (as: number) => Effect.Effect<unknown, unknown>) =>
      Effect.gen(function*() {
        const scope = yield* Scope.make()
        const held = yield* Scope.provide(Proxies.hold(owner.at, Counter.key, obtain), scope)
        proxies.push({ object, owner, proxy: Proxies.make(Counter.prototype, held), scope })
        account(object).leases++
      })
    const ticket = ({ owner, proxy }: Proxy) =>
      Effect.map(Attended.ask(owner.at, contracts.ticket, Proxies.leaseOf(proxy)!.number), (ticket): Ref => ({
        type: Counter.key,
        manager: Attended.managerId,
        address: "",
        ticket
      }))
    const redeem = (owner: Attended.Client, object: number, { ticket, type }: Ref) =>
      lease(owner, object, (as) => Attended.ask(owner.at, contracts.redeem, { type, ticket, as }))

    const perform = (step: Step): Effect.Effect<void, unknown> =>
      Effect.gen(function*() {
        const proxy = "proxy" in step ? proxies[step.proxy % Math.max(1, proxies.length)] : undefined
        const owner = "client" in step ? others[step.client]! : undefined
        switch (step._tag) {
          case "create": {
            const object = created++
            const scope = yield* Scope.make()
            const proxy = yield* Scope.provide(
              DeclareObject.create(owner!.at, Counter, Attended.managerId, { initial: object }) as Effect.Effect<
                Counter,
                unknown,
                Scope.Scope
              >,
              scope
            )
            proxies.push({ object, owner: owner!, proxy, scope })
            accounts.set(object, { leases: 1, tickets: 0, stored: 0 })
            return
          }
          case "copy":
            return proxy === undefined ? undefined : yield* redeem(owner!, proxy.object, yield* ticket(proxy))
          case "send":
            if (proxy === undefined) return
            mail.push({ object: proxy.object, ref: yield* ticket(proxy) })
            account(proxy.object).tickets++
            return
          case "receive": {
            const [letter] = mail.splice(step.item, 1)
            if (letter === undefined) return
            account(letter.object).tickets--
            return yield* redeem(owner!, letter.object, letter.ref)
          }
          case "store":
            if (proxy === undefined) return
            yield* list.extend({ values: [{ bytes: new Uint8Array([0xc0]), proxies: [yield* ticket(proxy)] }] })
            items.push(proxy.object)
            account(proxy.object).stored++
            return
          case "read": {
            const [found] = yield* list.at({ index: step.item })
            if (found === undefined) return assert.isUndefined(items[step.item])
            return yield* redeem(owner!, items[step.item]!, found.proxies![0]!)
          }
          case "unstore": {
            const [object] = items.splice(step.item, 1)
            assert.strictEqual(yield* list.cut({ start: step.item, end: step.item + 1 }), object === undefined ? 0 : 1)
            if (object !== undefined) account(object).stored--
            return
          }
          case "retain":
            if (proxy === undefined) return
            return yield* lease(
              proxy.owner,
              proxy.object,
              (as) =>
                Attended.ask(proxy.owner.at, contracts.retain, { lease: Proxies.leaseOf(proxy.proxy)!.number, as })
            )
          case "drop":
            if (proxy === undefined) return
            proxies = proxies.filter((other) => other !== proxy)
            account(proxy.object).leases--
            return yield* Scope.close(proxy.scope, Exit.void)
          case "cut":
            owner!.cut()
            for (const { object, owner: leased } of proxies) if (leased === owner) account(object).leases--
            proxies = proxies.filter(({ owner: leased }) => leased !== owner)
            others[step.client] = yield* connectAgain(step.client)
        }
      })
    const scope = yield* Effect.scope
    const connectAgain = (i: number) => Scope.provide(Attended.connect(server, `client ${i}, again`), scope)

    const expected = () => {
      for (const [object, { leases, stored, tickets }] of accounts) {
        if (leases + stored + tickets === 0) accounts.delete(object)
      }
      return [...accounts.values()].map(({ leases, stored, tickets }) => `${leases} ${tickets} ${stored}`).toSorted()
    }
    const found = Effect.map(
      Attended.ask(root.at, contracts.debugInfo, undefined) as Effect.Effect<ReadonlyArray<typeof ObjectInfo.Type>>,
      (all) =>
        all.filter(({ type }) => type === Counter.key).map(({ leases, stored, tickets }) =>
          `${leases} ${tickets} ${stored}`
        ).toSorted()
    )
    /** Others are heard of over other sessions: what they gave back, or that they are gone, may come a little later. */
    const agrees = (after: string) =>
      Effect.gen(function*() {
        const wanted = expected()
        let last: ReadonlyArray<string> = []
        for (let look = 0; look < 200; look++) {
          last = yield* found
          if (last.join() === wanted.join()) return
        }
        assert.deepStrictEqual(last, wanted, after)
      })

    for (const one of steps) {
      yield* perform(one)
      yield* agrees(JSON.stringify(one))
    }
    // All that is left is given back in one way or another.
    for (const _ of mail.slice()) yield* perform({ _tag: "receive", item: 0, client: 0 })
    while (proxies.length > 0) yield* perform({ _tag: "drop", proxy: 0 })
    while (items.length > 0) yield* perform({ _tag: "unstore", item: 0 })
    yield* agrees("the end")
    assert.deepStrictEqual(expected(), [])
    assert.strictEqual(server.table.instances.size, 1)
  }).pipe(Effect.scoped)

describe("the manager's account of its objects is a model's", () => {
  it("over sessions in memory, some of which are cut", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), (steps) => Effect.runPromise(run(steps))),
      { numRuns: process.env.SOAK === undefined ? 200 : 1000 }
    )
  }, 600_000)
})
