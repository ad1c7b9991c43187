import { assert, describe } from "@effect/vitest"
import { ContainerError } from "effect-multiprocessing/ContainerError"
import * as Manager from "effect-multiprocessing/Manager"
import * as Remote from "effect-multiprocessing/Remote"
import * as RemoteArray from "effect-multiprocessing/RemoteArray"
import type { RemoteError } from "effect-multiprocessing/RemoteError"
import * as RemoteList from "effect-multiprocessing/RemoteList"
import * as RemoteMap from "effect-multiprocessing/RemoteMap"
import * as RemoteNamespace from "effect-multiprocessing/RemoteNamespace"
import * as RemoteQueue from "effect-multiprocessing/RemoteQueue"
import * as RemoteSet from "effect-multiprocessing/RemoteSet"
import * as RemoteValue from "effect-multiprocessing/RemoteValue"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import layer from "../fixtures/manager/functions.live.ts"
import { never, shout, TooLong } from "../fixtures/manager/functions.ts"
import { Counter } from "../fixtures/manager/objects.ts"
import { everywhere } from "../support/managers.ts"

const module = new URL("../fixtures/manager/functions.live.ts", import.meta.url)

const containers = (name: string, test: Effect.Effect<unknown, unknown, Manager.Manager | Scope.Scope>) =>
  everywhere(module, layer, name, test)

const reasonOf = (error: unknown): string => {
  assert.instanceOf(error, ContainerError)
  return error.reason._tag
}

const Person = Schema.Struct({ name: Schema.String, born: Schema.Date })
const ann = { name: "ann", born: new Date(1) }
const bob = { name: "bob", born: new Date(2) }

describe("RemoteValue", () => {
  containers(
    "is read, set, compared and added to (CPython: _TestValue.test_value)",
    Effect.gen(function*() {
      const person = yield* RemoteValue.make(Person, ann)
      assert.deepStrictEqual(yield* person.get, ann)
      assert.deepStrictEqual(yield* person.getAndSet(bob), ann)
      assert.isFalse(yield* person.compareAndSet(ann, ann))
      assert.isTrue(yield* person.compareAndSet({ born: bob.born, name: "bob" }, ann))
      assert.deepStrictEqual(yield* person.get, ann)
      assert.strictEqual(reasonOf(yield* Effect.flip(person.add(1))), "NotANumber")
      const count = yield* RemoteValue.make(Schema.Int, 5)
      yield* Effect.forEach(Array.from({ length: 100 }), () => count.add(2), { concurrency: "unbounded" })
      assert.strictEqual(yield* count.get, 205)
    })
  )

  containers(
    "gives each reader bytes of its own, however many they are",
    Effect.gen(function*() {
      for (const length of [0, 1, 31, 32, 4090, 4096, 5000, 100_000]) {
        const bytes = Uint8Array.from({ length }, (_, i) => i % 251)
        const value = yield* RemoteValue.make(Schema.Uint8Array, bytes)
        const first = yield* value.get
        yield* value.set(new Uint8Array(length).fill(255))
        const [second, third] = yield* Effect.all([value.get, value.get])
        assert.deepStrictEqual(first, bytes)
        second.fill(0)
        assert.deepStrictEqual(third, new Uint8Array(length).fill(255))
      }
    })
  )

  containers(
    "is changed by functions of the manager's module, alone",
    Effect.gen(function*() {
      const text = yield* RemoteValue.make(Schema.String, "hey")
      assert.strictEqual(yield* text.update(shout), "hey!")
      assert.deepStrictEqual(
        yield* Effect.forEach([1, 2, 3], () => text.update(shout), { concurrency: 3 }),
        ["hey!!", "hey!!!", "hey!!!!"]
      )
      yield* text.set("far too long")
      assert.deepStrictEqual(yield* Effect.flip(text.update(shout)), new TooLong({ length: 12 }))
      assert.strictEqual(yield* text.get, "far too long")
      const changing = yield* Effect.forkChild(text.update(never), { startImmediately: true })
      const reading = yield* Effect.forkChild(text.get, { startImmediately: true })
      yield* Fiber.interrupt(changing)
      assert.strictEqual(yield* Fiber.join(reading), "far too long")
      const other = yield* RemoteValue.make(Schema.Int, 1)
      const none = Remote.fn("fixtures/none", { module, payload: Schema.Int, success: Schema.Int })
      assert.strictEqual(reasonOf(yield* Effect.flip(other.update(none))), "UnknownFunction")
    })
  )

  containers(
    "is not changed by another version of a function",
    Effect.gen(function*() {
      const shoutTwice = Remote.fn(shout.id, { module, payload: Schema.String, success: Schema.String })
      const value = yield* RemoteValue.make(Schema.String, "hey")
      const list = yield* RemoteList.make(Schema.String, ["hey"])
      const map = yield* RemoteMap.make(Schema.String, Schema.String)
      for (const update of [value.update(shoutTwice), list.update(0, shoutTwice), map.update("a", "", shoutTwice)]) {
        const error = yield* Effect.flip(update)
        assert(error._tag === "RemoteError")
        assert.strictEqual(error.reason._tag, "ContractMismatch")
      }
      assert.strictEqual(yield* value.get, "hey")
    })
  )

  containers(
    "is watched",
    Effect.gen(function*() {
      const count = yield* RemoteValue.make(Schema.Int, 0)
      const seen: Array<number> = []
      const watching = yield* Effect.forkChild(
        Stream.runForEach(Stream.takeUntil(count.changes, (n) => n === 50), (n) => Effect.sync(() => seen.push(n))),
        { startImmediately: true }
      )
      yield* Effect.forEach(Array.from({ length: 50 }), () => count.add(1), { discard: true })
      yield* Fiber.join(watching)
      assert.deepStrictEqual(seen, seen.toSorted((a, b) => a - b))
      assert.strictEqual(seen.at(-1), 50)
    })
  )

  containers(
    "keeps the object of a proxy that it holds",
    Effect.gen(function*() {
      const manager = yield* Manager.Manager
      const value = yield* Effect.scoped(
        Effect.gen(function*() {
          const counter = yield* Counter.create({ initial: 7 })
          return yield* Effect.exit(RemoteValue.make(Counter.schema, counter).pipe(Effect.scoped))
        })
      )
      assert.isTrue(Exit.isSuccess(value))
      const held = yield* RemoteValue.make(Schema.NullOr(Counter.schema), null)
      yield* Effect.scoped(Effect.flatMap(Counter.create({ initial: 7 }), held.set))
      assert.strictEqual(yield* manager.numberOfObjects, 2)
      yield* Effect.scoped(Effect.gen(function*() {
        const counter = yield* held.get
        yield* held.set(null)
        assert.strictEqual(yield* counter!.get(), 7)
      }))
      assert.strictEqual(yield* manager.numberOfObjects, 1)
    })
  )
})

describe("RemoteList", () => {
  containers(
    "is a list (CPython: _TestContainers.test_list)",
    Effect.gen(function*() {
      const a = yield* RemoteList.make(Schema.Int, [0, 1, 2, 3])
      assert.deepStrictEqual(yield* a.toArray, [0, 1, 2, 3])
      assert.strictEqual(yield* a.extend([4, 5]), 6)
      assert.strictEqual(yield* a.append(5), 7)
      assert.deepStrictEqual(yield* a.get(-1), Option.some(5))
      assert.deepStrictEqual(yield* a.get(7), Option.none())
      yield* a.set(2, 20)
      assert.strictEqual(reasonOf(yield* Effect.flip(a.set(7, 0))), "IndexOutOfRange")
      yield* a.insert(0, -1)
      assert.deepStrictEqual(yield* a.slice(1, 4), [0, 1, 20])
      assert.strictEqual(yield* a.count(5), 2)
      assert.strictEqual(yield* a.indexOf(5), 6)
      assert.isTrue(yield* a.remove(5))
      assert.isFalse(yield* a.remove(17))
      assert.isTrue(yield* a.includes(5))
      assert.deepStrictEqual(yield* a.pop(), Option.some(5))
      assert.deepStrictEqual(yield* a.pop(0), Option.some(-1))
      yield* a.reverse
      assert.deepStrictEqual(yield* a.toArray, [4, 3, 20, 1, 0])
      assert.strictEqual(yield* a.removeRange(1, 3), 2)
      assert.strictEqual(yield* a.size, 3)
      yield* a.clear
      assert.deepStrictEqual(yield* a.pop(), Option.none())
    })
  )

  containers(
    "is an item of another, and of itself (CPython: _TestContainers.test_nested_queue, test_list_proxy_in_list)",
    Effect.gen(function*() {
      const manager = yield* Manager.Manager
      const outer = yield* RemoteList.make(RemoteList.schema(Schema.Int))
      yield* Effect.scoped(
        Effect.forEach([[1, 2], [3]], (values) => Effect.flatMap(RemoteList.make(Schema.Int, values), outer.append))
      )
      assert.strictEqual(yield* manager.numberOfObjects, 3)
      yield* Effect.scoped(Effect.gen(function*() {
        const inner = yield* outer.toArray
        yield* inner[0]!.append(9)
        assert.deepStrictEqual(yield* Effect.forEach(inner, (list) => list.toArray), [[1, 2, 9], [3]])
      }))
      yield* outer.removeRange(0, 1)
      assert.strictEqual(yield* manager.numberOfObjects, 2)
      yield* outer.clear
      assert.strictEqual(yield* manager.numberOfObjects, 1)
    })
  )

  containers(
    "is gone through by several, each item once (CPython: _TestContainers.test_list_iter)",
    Effect.gen(function*() {
      const list = yield* RemoteList.make(Schema.Int, Array.from({ length: 500 }, (_, i) => i))
      const iterator = yield* list.iterator
      assert.deepStrictEqual(yield* iterator.next, Option.some(0))
      const parts = yield* Effect.forEach([1, 2, 3], () => Stream.runCollect(iterator.stream), { concurrency: 3 })
      assert.deepStrictEqual(parts.flat().toSorted((a, b) => a - b), Array.from({ length: 499 }, (_, i) => i + 1))
      assert.deepStrictEqual(yield* iterator.next, Option.none())
      assert.strictEqual(yield* list.size, 500)
    })
  )

  containers(
    "is retained",
    Effect.gen(function*() {
      const list = yield* Effect.flatMap(Effect.scope, (scope) =>
        Effect.scoped(
          Effect.flatMap(RemoteList.make(Schema.Int, [1]), (list) => Scope.provide(Remote.retain(list), scope))
        ))
      assert.deepStrictEqual(yield* list.toArray, [1])
    })
  )

  containers(
    "changes one of its values by a function",
    Effect.gen(function*() {
      const list = yield* RemoteList.make(Schema.String, ["a", "b"])
      assert.strictEqual(yield* list.update(-1, shout), "b!")
      assert.deepStrictEqual(yield* list.toArray, ["a", "b!"])
      assert.strictEqual(reasonOf(yield* Effect.flip(list.update(2, shout))), "IndexOutOfRange")
    })
  )
})

describe("RemoteMap", () => {
  containers(
    "is a map (CPython: _TestContainers.test_dict, test_dict_iter)",
    Effect.gen(function*() {
      const map = yield* RemoteMap.make(Schema.Struct({ x: Schema.Int, y: Schema.Int }), Person)
      yield* map.set({ x: 1, y: 2 }, ann)
      assert.deepStrictEqual(yield* map.get({ y: 2, x: 1 }), Option.some(ann))
      assert.deepStrictEqual(yield* map.get({ x: 2, y: 1 }), Option.none())
      assert.isTrue(yield* map.has({ x: 1, y: 2 }))
      assert.deepStrictEqual(yield* map.setDefault({ x: 1, y: 2 }, bob), ann)
      assert.deepStrictEqual(yield* map.setDefault({ x: 3, y: 4 }, bob), bob)
      assert.deepStrictEqual(yield* Stream.runCollect(map.entries), [[{ x: 1, y: 2 }, ann], [{ x: 3, y: 4 }, bob]])
      assert.deepStrictEqual(yield* Stream.runCollect(map.keys), [{ x: 1, y: 2 }, { x: 3, y: 4 }])
      assert.deepStrictEqual(yield* Stream.runCollect(map.values), [ann, bob])
      assert.isTrue(yield* map.compareAndSet({ x: 1, y: 2 }, ann, bob))
      assert.isFalse(yield* map.compareAndSet({ x: 1, y: 2 }, ann, bob))
      assert.deepStrictEqual(yield* map.pop({ x: 1, y: 2 }), Option.some(bob))
      assert.deepStrictEqual(yield* map.popLast, Option.some([{ x: 3, y: 4 }, bob] as const))
      assert.deepStrictEqual(yield* map.popLast, Option.none())
      assert.isFalse(yield* map.remove({ x: 1, y: 2 }))
      yield* map.setAll([[{ x: 1, y: 1 }, ann], [{ x: 2, y: 2 }, bob]])
      assert.strictEqual(yield* map.size, 2)
      yield* map.clear
      assert.strictEqual(yield* map.size, 0)
    })
  )

  containers(
    "counts, and changes a value by a function",
    Effect.gen(function*() {
      const counts = yield* RemoteMap.make(Schema.String, Schema.Int)
      yield* Effect.forEach(["a", "b", "a"], (name) => counts.add(name, 1), { concurrency: "unbounded" })
      assert.deepStrictEqual(new Map(yield* Stream.runCollect(counts.entries)), new Map([["a", 2], ["b", 1]]))
      const texts = yield* RemoteMap.make(Schema.String, Schema.String)
      assert.strictEqual(yield* texts.update("a", "hey", shout), "hey!")
      assert.strictEqual(yield* texts.update("a", "hey", shout), "hey!!")
      assert.deepStrictEqual(
        yield* Effect.flip(texts.update("b", "far too long", shout)),
        new TooLong({ length: 12 })
      )
      assert.isFalse(yield* texts.has("b"))
    })
  )

  containers(
    "is watched",
    Effect.gen(function*() {
      const map = yield* RemoteMap.make(Schema.String, Schema.Int)
      const changes: Array<RemoteMap.Change<string>> = []
      const watching = yield* Effect.forkChild(
        Stream.runForEach(map.changes, (change) => Effect.sync(() => changes.push(change))),
        { startImmediately: true }
      )
      // A watcher sees what happens once it has begun to watch.
      yield* Effect.repeat(map.set("begin", 0), { until: () => changes.length > 0 })
      yield* map.set("a", 1)
      yield* map.remove("a")
      yield* map.clear
      yield* Effect.repeat(map.size, { until: () => changes.at(-1)!._tag === "Cleared" })
      assert.deepStrictEqual(changes.slice(-3), [
        { _tag: "Set", key: "a" },
        { _tag: "Removed", key: "a" },
        { _tag: "Cleared" }
      ])
      yield* Fiber.interrupt(watching)
    })
  )

  containers(
    "keeps the objects of the proxies in its values (CPython: _TestContainers.test_dict_proxy_nested)",
    Effect.gen(function*() {
      const manager = yield* Manager.Manager
      const map = yield* RemoteMap.make(Schema.String, Schema.Struct({ counters: Schema.Array(Counter.schema) }))
      yield* Effect.scoped(Effect.gen(function*() {
        const counters = [yield* Counter.create({ initial: 1 }), yield* Counter.create({ initial: 2 })]
        yield* map.set("both", { counters })
        yield* map.set("first", { counters: [counters[0]!] })
      }))
      yield* map.remove("both")
      assert.strictEqual(yield* manager.numberOfObjects, 2)
      yield* Effect.scoped(Effect.gen(function*() {
        const { counters } = Option.getOrThrow(yield* map.get("first"))
        assert.strictEqual(yield* counters[0]!.add({ by: 1 }), 2)
      }))
      yield* map.set("first", { counters: [] })
      assert.strictEqual(yield* manager.numberOfObjects, 1)
    })
  )
})

const twoCounters = Effect.all([Counter.create({ initial: 1 }), Counter.create({ initial: 1 })])

describe("proxies in what is compared", () => {
  containers(
    "are the objects that they stand for",
    Effect.gen(function*() {
      const [a, b] = yield* twoCounters
      const again = yield* Remote.retain(a)
      const list = yield* RemoteList.make(Counter.schema, [b, a, b])
      assert.strictEqual(yield* list.indexOf(again), 1)
      assert.strictEqual(yield* list.count(b), 2)
      assert.isTrue(yield* list.remove(again))
      assert.isFalse(yield* list.includes(a))
      assert.isFalse(yield* list.remove(again))
      assert.strictEqual(yield* list.size, 2)
      const value = yield* RemoteValue.make(Schema.NullOr(Counter.schema), a)
      assert.isFalse(yield* value.compareAndSet(b, null))
      assert.isFalse(yield* value.compareAndSet(null, b))
      assert.isTrue(yield* value.compareAndSet(again, b))
      assert.isTrue(yield* value.compareAndSet(b, null))
      const map = yield* RemoteMap.make(Schema.String, Schema.Struct({ pair: Schema.Array(Counter.schema) }))
      yield* map.set("x", { pair: [a, b] })
      assert.isFalse(yield* map.compareAndSet("x", { pair: [b, a] }, { pair: [] }))
      assert.isFalse(yield* map.compareAndSet("y", { pair: [a, b] }, { pair: [] }))
      assert.isTrue(yield* map.compareAndSet("x", { pair: [again, b] }, { pair: [] }))
    })
  )

  containers(
    "are not kept by what was not stored",
    Effect.gen(function*() {
      const manager = yield* Manager.Manager
      const list = yield* RemoteList.make(Counter.schema)
      const value = yield* RemoteValue.make(Schema.NullOr(Counter.schema), null)
      const map = yield* RemoteMap.make(Schema.String, Counter.schema)
      const queue = yield* RemoteQueue.make(Counter.schema, { capacity: 1 })
      yield* Effect.scoped(Effect.gen(function*() {
        const [a, b] = yield* twoCounters
        yield* list.indexOf(a)
        yield* Effect.flip(list.set(3, a))
        yield* value.compareAndSet(a, b)
        yield* map.setDefault("a", a)
        yield* map.setDefault("a", b)
        yield* map.remove("a")
        yield* queue.put(a)
        assert.isFalse(yield* queue.offer(b))
        yield* queue.shutdown({ immediate: true })
        yield* Effect.flip(queue.put(b))
      }))
      assert.strictEqual(yield* manager.numberOfObjects, 4)
    })
  )

  containers(
    "are no keys, and no members",
    Effect.gen(function*() {
      const counter = yield* Counter.create({ initial: 1 })
      const Key = Schema.Union([Schema.String, Counter.schema])
      const map = yield* RemoteMap.make(Key, Schema.Int)
      yield* map.set("a", 1)
      const set = yield* RemoteSet.make(Key, ["a"])
      for (const refused of [map.set(counter, 1), map.get(counter), set.add(counter), RemoteSet.make(Key, [counter])]) {
        const { reason } = yield* Effect.flip(refused as Effect.Effect<unknown, RemoteError, Scope.Scope>)
        assert.strictEqual(reason._tag, "EncodeFailed")
      }
      assert.isTrue(yield* set.has("a"))
    })
  )
})

describe("RemoteSet", () => {
  containers(
    "is a set (CPython: _TestContainers.test_set)",
    Effect.gen(function*() {
      const set = yield* RemoteSet.make(Schema.Int, [1, 2])
      assert.isTrue(yield* set.add(3))
      assert.isFalse(yield* set.add(3))
      assert.strictEqual(yield* set.addAll([3, 4, 5]), 2)
      assert.isTrue(yield* set.hasAll([1, 5]))
      assert.isFalse(yield* set.hasAll([1, 6]))
      assert.strictEqual(yield* set.removeAll([1, 9]), 1)
      assert.strictEqual(yield* set.retainAll([2, 3, 4]), 1)
      assert.isTrue(yield* set.remove(4))
      assert.isFalse(yield* set.remove(4))
      assert.sameMembers(yield* set.toArray, [2, 3])
      assert.isTrue(Option.isSome(yield* set.pop))
      assert.strictEqual(yield* set.size, 1)
      yield* set.clear
      assert.isTrue(Option.isNone(yield* set.pop))
      assert.isFalse(yield* set.has(2))
    })
  )
})

describe("RemoteNamespace", () => {
  containers(
    "has fields (CPython: _TestContainers.test_namespace)",
    Effect.gen(function*() {
      const fields = yield* RemoteNamespace.make({ name: Schema.String, job: Schema.String }, { name: "Bob" })
      yield* fields.set("job", "Builder")
      assert.deepStrictEqual(yield* fields.snapshot, { name: "Bob", job: "Builder" })
      assert.isTrue(yield* fields.delete("job"))
      assert.isFalse(yield* fields.delete("job"))
      assert.deepStrictEqual(yield* fields.get("job"), Option.none())
      assert.deepStrictEqual(yield* fields.get("name"), Option.some("Bob"))
    })
  )
})

describe("RemoteArray", () => {
  containers(
    "has numbers (CPython: _TestArray.test_array)",
    Effect.gen(function*() {
      const array = yield* RemoteArray.make("Int32", [680, 626, 934, 821, 150])
      assert.strictEqual(yield* array.length, 5)
      assert.strictEqual(yield* array.kind, "Int32")
      assert.strictEqual(yield* array.get(-1), 150)
      yield* array.setAll(2, [1, 2])
      assert.deepStrictEqual(yield* array.slice(1, 4), [626, 1, 2])
      assert.strictEqual(yield* array.add(0, 2 ** 31), 680 - 2 ** 31)
      assert.strictEqual(reasonOf(yield* Effect.flip(array.setAll(4, [1, 2]))), "IndexOutOfRange")
      assert.strictEqual(reasonOf(yield* Effect.flip(array.get(-6))), "IndexOutOfRange")
      const zeros = yield* RemoteArray.make("Float64", 3)
      assert.deepStrictEqual(yield* zeros.toArray, [0, 0, 0])
      const error = yield* Effect.flip(RemoteArray.make("Int8", -1))
      assert.strictEqual(error.reason._tag, "InvalidOption")
    })
  )
})
