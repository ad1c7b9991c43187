/** Who wins, and who is left out. */
import { assert, it } from "@effect/vitest"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import { type Contest, measure } from "../../bench/harness.ts"
import * as Payloads from "../../bench/payloads.ts"
import { echoByEffect, echoByPromise } from "../../bench/worker.ts"

const contest = (better: Contest["better"], contest: Partial<Contest>): Contest => ({
  name: "race",
  unit: "ms",
  better,
  rounds: 1,
  ours: Effect.succeed(4),
  peers: { slow: Effect.succeed(8), fast: Effect.succeed(2) },
  floors: { floor: Effect.succeed(1) },
  ...contest
})

/** What is said on stderr meanwhile. */
const said = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.suspend(() => {
    const lines: Array<unknown> = []
    const console = { ...globalThis.console, error: (line: unknown) => lines.push(line) }
    return effect.pipe(
      Effect.provideService(Console.Console, console),
      Effect.map((result) => ({ lines, result }))
    )
  })

it.effect("is ahead with a ratio above 1, whichever direction is better", () =>
  Effect.gen(function*() {
    assert.strictEqual((yield* measure("case", contest("lower", {}))).ratio, 0.5)
    assert.strictEqual((yield* measure("case", contest("higher", {}))).ratio, 0.5)
    const ahead = { fast: Effect.succeed(8) }
    assert.strictEqual((yield* measure("case", contest("lower", { peers: ahead }))).ratio, 2)
    assert.strictEqual((yield* measure("case", contest("higher", { peers: { slow: Effect.succeed(2) } }))).ratio, 2)
  }))

it.effect("measures in turn, each round beginning with another one, and takes the median", () =>
  Effect.gen(function*() {
    const order: Array<string> = []
    const times: Record<string, number> = {}
    const take = (name: string) =>
      Effect.sync(() => {
        order.push(name)
        return times[name] = (times[name] ?? 0) * 10 + 1
      })
    const row = yield* measure(
      "case",
      contest("lower", { rounds: 3, ours: take("ours"), peers: { peer: take("peer") }, floors: {} })
    )
    assert.deepStrictEqual(order, ["peer", "ours", "ours", "peer", "peer", "ours", "ours", "peer"])
    assert.deepInclude(row, { ours: 111, peers: { peer: 111 }, ratio: 1 })
  }))

it.effect("leaves out who fails, with a line, and fails when nobody or we are left", () =>
  Effect.gen(function*() {
    const { lines, result } = yield* said(
      measure(
        "case",
        contest("lower", { peers: { broken: Effect.fail(new Error("no\nmore")), whole: Effect.succeed(2) } })
      )
    )
    assert.deepStrictEqual(lines, ["broken is left out: Error: no"])
    assert.deepStrictEqual(result.peers, { whole: 2 })
    const alone = yield* said(Effect.flip(measure("case", contest("lower", { peers: { dead: Effect.die("dead") } }))))
    assert.deepStrictEqual(alone.lines, ["dead is left out: dead"])
    assert.match(String(alone.result), /No peer is left in case: race/)
    assert.strictEqual(yield* Effect.flip(measure("case", contest("lower", { ours: Effect.fail("ours") }))), "ours")
  }))

it.effect("a wrong answer is no answer", () =>
  Effect.gen(function*() {
    const wrong = { tiny: { n: -1 }, person: { ...Payloads.person.make(2), position: { x: 1.5, y: 0 } } }
    const bytes = Payloads.bytes(10_000)
    const flipped = Uint8Array.from(bytes.make(0))
    flipped[8192]! ^= 1
    const all: ReadonlyArray<readonly [Payloads.Payload<unknown>, unknown]> = [
      [Payloads.tiny, wrong.tiny],
      [Payloads.person, wrong.person],
      [bytes, flipped],
      [bytes, flipped.subarray(1)]
    ]
    for (const [payload, answer] of all) {
      const right = (sent: unknown) => sent
      for (const [ask, passes] of [[right, true], [() => answer, false]] as const) {
        for (
          const echo of [
            echoByPromise(payload, async (sent) => ask(sent)),
            echoByEffect(payload, (sent) => Effect.sync(() => ask(sent)))
          ]
        ) {
          const exit = yield* Effect.exit(echo(3, 1))
          assert.strictEqual(exit._tag, passes ? "Success" : "Failure", payload.name)
          if (!passes) assert.match(JSON.stringify(exit), /came back as another/)
        }
      }
    }
  }))
