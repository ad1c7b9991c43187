"""CPython's multiprocessing, measured by a CPython: a line of JSON asks for a measurement, another has its milliseconds."""

import json
import logging
import logging.handlers
import multiprocessing
import os
import socket
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Client, Listener
from multiprocessing.managers import BaseManager, SyncManager
from multiprocessing.reduction import recv_handle, send_handle
from multiprocessing.shared_memory import SharedMemory
from threading import Barrier, Event

context = multiprocessing.get_context("spawn")


KEY = b"of the benchmarks, and no secret"


class Echo:
    def echo(self, payload):
        return payload


class Manager(BaseManager):
    pass


Manager.register("Echo", Echo)


def byte_at(index):
    return (index >> 12) * 31 & 255


def make_bytes(size):
    pages = [bytes([byte_at(start)]) * min(4096, size - start) for start in range(0, size, 4096)]
    return b"".join(pages)


expected_pages = {}


def see(data, size):
    """Looks at a byte of each page; the first is its answer."""
    if size not in expected_pages:
        expected_pages[size] = bytes(byte_at(start) for start in range(4096, size, 4096))
    check(len(data) >= size, True)
    check(bytes(data[4096:size:4096]), expected_pages[size])
    return data[0]


def tiny(n):
    return {"n": n}


def person(n):
    return {
        "id": n,
        "name": "Ada Lovelace",
        "email": "ada@example.org",
        "tags": ["a", "b", "c"],
        "position": {"x": 1.5, "y": 2.5},
        "active": True,
    }


payloads = {"tiny": tiny, "person": person}


def check(answer, expected):
    if answer != expected:
        raise ValueError("another came back")


def millis_since(begin):
    return (time.perf_counter() - begin) * 1000


# what the children do


def answer_once(connection, payload):
    connection.send(payload)


def see_segment(connection, name, size):
    segment = SharedMemory(name)
    connection.send(see(segment.buf, size))
    return segment


def take_sockets(connection, how, count):
    for n in range(count):
        with connection.recv() if how == "pickled" else socket.socket(fileno=recv_handle(connection)) as taken:
            taken.send(bytes([n & 255]))


def answer_all(connection):
    kept = {}
    try:
        while True:
            question = connection.recv()
            if "echo" in question:
                connection.send(question["echo"])
            elif "bytes" in question:
                for _ in range(question["bytes"]):
                    connection.send_bytes(connection.recv_bytes())
            elif "sent" in question:
                for _ in range(question["sent"]):
                    connection.send(see(connection.recv_bytes(), question["size"]))
            elif "kept" in question:
                name, size = question["kept"], question["size"]
                if name in kept:
                    connection.send(see(kept[name].buf, size))
                else:
                    kept[name] = see_segment(connection, name, size)
            elif "fresh" in question:
                see_segment(connection, question["fresh"], question["size"]).close()
            elif "sockets" in question:
                take_sockets(connection, question["how"], question["sockets"])
            elif "numbers" in question:
                count, chunk = question["numbers"], question["chunk"]
                for first in range(1, count + 1, chunk):
                    connection.send(list(range(first, min(first + chunk, count + 1))))
            else:
                blob = make_bytes(question["size"])
                for _ in range(question["blobs"]):
                    connection.send_bytes(blob)
    except EOFError:
        for segment in kept.values():
            segment.close()


def listen(started):
    with Listener(authkey=KEY, backlog=128) as listener:
        started.send(listener.address)
        while True:
            listener.accept().close()


def log_all(queue, connection):
    logger = logging.getLogger("worker")
    logger.setLevel(logging.INFO)
    logger.addHandler(logging.handlers.QueueHandler(queue))
    try:
        while True:
            for n in range(connection.recv()):
                logger.info("a line %d", n)
    except EOFError:
        pass


class Counter(logging.Handler):
    def __init__(self):
        super().__init__()
        self.left = 0
        self.done = Event()

    def emit(self, record):
        self.left -= 1
        if self.left == 0:
            self.done.set()


class LoggingChild:
    def __init__(self):
        self.connection, theirs = context.Pipe()
        self.counter = Counter()
        queue = context.Queue()
        self.listener = logging.handlers.QueueListener(queue, self.counter)
        self.listener.start()
        self.process = context.Process(target=log_all, args=(queue, theirs), daemon=True)
        self.process.start()
        theirs.close()

    def end(self):
        self.connection.close()
        self.process.join()
        self.listener.stop()


class Child:
    def __init__(self):
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=answer_all, args=(theirs,), daemon=True)
        self.process.start()
        theirs.close()

    def end(self):
        self.connection.close()
        self.process.join()


# what can be asked for


def first_answer():
    begin = time.perf_counter()
    child = Child()
    child.connection.send({"echo": tiny(0)})
    check(child.connection.recv(), tiny(0))
    taken = millis_since(begin)
    child.end()
    return taken


def joined():
    begin = time.perf_counter()
    ours, theirs = context.Pipe()
    process = context.Process(target=answer_once, args=(theirs, tiny(0)))
    process.start()
    theirs.close()
    check(ours.recv(), tiny(0))
    process.join()
    taken = millis_since(begin)
    ours.close()
    return taken


class Opened:
    """A child and a manager, from when they are first needed."""

    def __init__(self):
        self._child = None
        self._manager = None
        self._listener = None
        self._keeper = None
        self._logging = None
        self._kept = {}
        self._segments = 0

    def child(self):
        if self._child is None:
            self._child = Child()
        return self._child

    def manager(self):
        if self._manager is None:
            self._manager = Manager(ctx=context)
            self._manager.start()
            self._echo = self._manager.Echo()
        return self._echo

    def keeper(self):
        if self._keeper is None:
            self._keeper = SyncManager(ctx=context)
            self._keeper.start()
        return self._keeper

    def fresh(self, size):
        self._segments += 1
        return SharedMemory(f"{sys.argv[1]}-{self._segments}", create=True, size=size)

    def kept(self, size):
        if size not in self._kept:
            self._kept[size] = self.fresh(size)
        return self._kept[size]

    def logging(self):
        if self._logging is None:
            self._logging = LoggingChild()
        return self._logging

    def address(self):
        if self._listener is None:
            ours, theirs = context.Pipe(duplex=False)
            self._listener = context.Process(target=listen, args=(theirs,), daemon=True)
            self._listener.start()
            theirs.close()
            self._address = ours.recv()
            ours.close()
        return self._address

    def end(self):
        if self._listener is not None:
            self._listener.terminate()
            self._listener.join()
        if self._child is not None:
            self._child.end()
        if self._manager is not None:
            self._manager.shutdown()
        if self._keeper is not None:
            self._keeper.shutdown()
        if self._logging is not None:
            self._logging.end()
        for segment in self._kept.values():
            segment.close()
            segment.unlink()


opened = Opened()


def pid():
    child = opened.child()
    child.connection.send({"echo": tiny(0)})
    check(child.connection.recv(), tiny(0))
    return child.process.pid


def pipe(payload, count):
    connection = opened.child().connection
    make = payloads[payload]
    begin = time.perf_counter()
    for n in range(count):
        question = make(n)
        connection.send({"echo": question})
        check(connection.recv(), question)
    return millis_since(begin)


def proxy(payload, count):
    echo = opened.manager()
    make = payloads[payload]
    begin = time.perf_counter()
    for n in range(count):
        question = make(n)
        check(echo.echo(question), question)
    return millis_since(begin)


def echo_bytes(size, count):
    connection = opened.child().connection
    data = make_bytes(size)
    begin = time.perf_counter()
    connection.send({"bytes": count})
    for _ in range(count):
        connection.send_bytes(data)
        check(connection.recv_bytes(), data)
    return millis_since(begin)


def numbers(count, chunk):
    connection = opened.child().connection
    begin = time.perf_counter()
    connection.send({"numbers": count, "chunk": chunk})
    last = 0
    while last < count:
        for n in connection.recv():
            last += 1
            check(n, last)
    return millis_since(begin)


def blobs(size, count):
    connection = opened.child().connection
    blob = make_bytes(size)
    begin = time.perf_counter()
    connection.send({"blobs": count, "size": size})
    for _ in range(count):
        check(connection.recv_bytes(), blob)
    return millis_since(begin)


def send(connection, data):
    connection.send_bytes(data)
    return connection.recv()


def fill_kept(connection, data):
    segment = opened.kept(len(data))
    segment.buf[: len(data)] = data
    connection.send({"kept": segment.name, "size": len(data)})
    return connection.recv()


def fill_fresh(connection, data):
    segment = opened.fresh(len(data))
    try:
        segment.buf[: len(data)] = data
        connection.send({"fresh": segment.name, "size": len(data)})
        return connection.recv()
    finally:
        segment.close()
        segment.unlink()


def seen_bytes(how, size, count):
    connection = opened.child().connection
    data = bytearray(make_bytes(size))
    hand = {"sent": send, "kept": fill_kept, "fresh": fill_fresh}[how]
    begin = time.perf_counter()
    if how == "sent":
        connection.send({"sent": count, "size": size})
    for n in range(count):
        data[0] = n & 255
        check(hand(connection, data), n & 255)
    return millis_since(begin)


def pass_socket(child, how, there):
    if how == "pickled":
        child.connection.send(there)
    else:
        send_handle(child.connection, there.fileno(), child.process.pid)
    there.close()


def sockets(how, count, at_a_time):
    child = opened.child()
    batch = 100
    taken = 0
    for first in range(0, count, batch):
        pairs = [socket.socketpair() for _ in range(min(batch, count - first))]
        begin = time.perf_counter()
        child.connection.send({"sockets": len(pairs), "how": how})
        passed = 0
        for n, (here, _) in enumerate(pairs):
            for _, there in pairs[passed : n + at_a_time]:
                pass_socket(child, how, there)
            passed = n + at_a_time
            check(here.recv(1), bytes([n & 255]))
        taken += millis_since(begin)
        for here, _ in pairs:
            here.close()
    return taken


def lines(count):
    child = opened.logging()
    child.counter.left = count
    child.counter.done.clear()
    begin = time.perf_counter()
    child.connection.send(count)
    child.counter.done.wait()
    return millis_since(begin)


def connect(address):
    Client(address, authkey=KEY).close()


def handshakes(count, at_a_time):
    address = opened.address()
    if at_a_time == 1:
        begin = time.perf_counter()
        for _ in range(count):
            connect(address)
        return millis_since(begin)
    with ThreadPoolExecutor(at_a_time) as threads:
        list(threads.map(connect, [address] * at_a_time))
        begin = time.perf_counter()
        for _ in threads.map(connect, [address] * count):
            pass
        return millis_since(begin)


def by_threads(work, count, threads):
    """Does it so many times, in threads that are connected already; what it gave, and the milliseconds."""
    shares = [range(first, count, threads) for first in range(threads)]
    ready = Barrier(threads + 1)

    def share(numbers):
        work(-1)
        ready.wait()
        ready.wait()
        return [work(n) for n in numbers]

    with ThreadPoolExecutor(threads) as pool:
        futures = [pool.submit(share, numbers) for numbers in shares]
        ready.wait()
        begin = time.perf_counter()
        ready.wait()
        given = [result for future in futures for result in future.result()]
        return given, millis_since(begin)


def alone(work, count):
    work(-1)
    begin = time.perf_counter()
    given = [work(n) for n in range(count)]
    return given, millis_since(begin)


def kept(work, count, threads):
    return alone(work, count) if threads == 1 else by_threads(work, count, threads)


def value_gets(count, threads):
    value = opened.keeper().Value("i", 7)
    given, taken = kept(lambda _: value.value, count, threads)
    check(given, [7] * count)
    return taken


def values_created(count, threads):
    keeper = opened.keeper()

    def create(n):
        keeper.Value("i", n)

    before = keeper._number_of_objects()
    _, taken = kept(create, count, threads)
    check(keeper._number_of_objects(), before)
    return taken


def queue_pairs(count, threads):
    queue = opened.keeper().Queue()

    def pair(n):
        queue.put(n)
        return queue.get()

    given, taken = kept(pair, count, threads)
    check(queue.qsize(), 0)
    check(len(given), count)
    if threads == 1:
        check(given, list(range(count)))
    return taken


def private_mib(pid):
    """What a process shares with nobody, once it has come to rest."""
    time.sleep(0.3)
    with open(f"/proc/{pid}/smaps_rollup") as rollup:
        return sum(int(line.split()[1]) for line in rollup if line.startswith(("Private_Clean:", "Private_Dirty:"))) / 1024


def idle_proxies(count):
    keeper = opened.keeper()
    pids = (os.getpid(), keeper._process.pid)
    proxies = [keeper.Value("i", n) for n in range(count)]
    before = sum(map(private_mib, pids))
    proxies.extend(keeper.Value("i", n) for n in range(count))
    after = sum(map(private_mib, pids))
    check(proxies[-1].value, count - 1)
    return after - before


measures = {
    measure.__name__: measure
    for measure in (
        first_answer,
        joined,
        pid,
        pipe,
        proxy,
        echo_bytes,
        numbers,
        blobs,
        seen_bytes,
        sockets,
        lines,
        handshakes,
        value_gets,
        values_created,
        queue_pairs,
        idle_proxies,
    )
}


def main():
    print(json.dumps({"value": 0}), flush=True)
    try:
        for line in sys.stdin:
            question = json.loads(line)
            try:
                answer = {"value": measures[question["measure"]](*question["args"])}
            except Exception as error:
                answer = {"error": repr(error)}
            print(json.dumps(answer), flush=True)
    finally:
        opened.end()


if __name__ == "__main__":
    main()
