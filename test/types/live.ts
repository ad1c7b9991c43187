/** What is live is checked in payloads as data is. */
import * as Address from "effect-multiprocessing/Address"
import * as Connection from "effect-multiprocessing/Connection"
import * as Reduction from "effect-multiprocessing/Reduction"
import * as Remote from "effect-multiprocessing/Remote"
import * as RemoteLock from "effect-multiprocessing/RemoteLock"
import * as RemoteQueue from "effect-multiprocessing/RemoteQueue"
import * as RemoteSharedMemory from "effect-multiprocessing/RemoteSharedMemory"
import * as ShareableList from "effect-multiprocessing/ShareableList"
import * as SharedArray from "effect-multiprocessing/SharedArray"
import * as SharedMemory from "effect-multiprocessing/SharedMemory"
import * as SharedValue from "effect-multiprocessing/SharedValue"
import * as Schema from "effect/Schema"

class Taker extends Remote.Service<Taker>()("types/Taker", {
  address: { payload: { it: Address.FromString } },
  connection: { payload: { it: Connection.schema } },
  descriptor: { payload: { it: Reduction.Descriptor.schema } },
  list: { payload: { it: ShareableList.schema } },
  lock: { payload: { it: RemoteLock.schema } },
  managed: { payload: { it: RemoteSharedMemory.schema } },
  memory: { payload: { it: SharedMemory.schema } },
  numbers: { payload: { it: SharedArray.schema("float64") } },
  queue: { payload: { it: RemoteQueue.schema(Schema.Int) } },
  sockets: { payload: { them: Schema.Array(Reduction.Socket) } },
  value: { payload: { it: SharedValue.schema("int32") } }
}) {}

declare const taker: Taker["Service"]
declare const memory: SharedMemory.SharedMemory

void taker.memory({ it: memory })
// @ts-expect-error Type 'number' is not assignable
void taker.address({ it: 1 })
// @ts-expect-error Type 'number' is not assignable
void taker.connection({ it: 1 })
// @ts-expect-error Type 'number' is not assignable
void taker.descriptor({ it: 1 })
// @ts-expect-error Type 'number' is not assignable
void taker.list({ it: 1 })
// @ts-expect-error Type 'number' is not assignable
void taker.lock({ it: 1 })
// @ts-expect-error Type 'number' is not assignable
void taker.managed({ it: 1 })
// @ts-expect-error Type 'number' is not assignable
void taker.memory({ it: 1 })
// @ts-expect-error Type 'number' is not assignable
void taker.numbers({ it: 1 })
// @ts-expect-error Type 'number' is not assignable
void taker.queue({ it: 1 })
// @ts-expect-error Type 'number' is not assignable
void taker.sockets({ them: [1] })
// @ts-expect-error Type 'number' is not assignable
void taker.value({ it: 1 })
