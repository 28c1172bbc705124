"""The benchmark's work in Python: asyncio, uvloop, Trio and curio, each in its own idiom.

Usage: bench.py LIBRARY. Prints one line of JSON saying what it is, then answers one line of JSON for each line of JSON
on standard input: {"work": "switch", "amount": 1000} gives {"cost": NANOSECONDS OR BYTES}, or {"error": "..."}, or
{"missing": true} where the library does not have the thing. Exit status 3: the library is not installed.

The names of the work and what a unit of it is are those of src/work/*.ts.
"""

import gc
import json
import platform
import sys
import time

AN_HOUR = 3600.0
TASKS = 1000
RIVALS = 100
NESTED = 100
DEPTH = 10
TREE = 2 ** (DEPTH + 1) - 1


def busy():
    """Nanoseconds of processor time of this thread: neither sleep counts nor what other processes took."""
    return time.thread_time_ns()


def memory():
    """Bytes of this process that are in memory, after everything unreachable has been collected."""
    gc.collect()
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096


def due(i):
    """In seconds: the one in a hundred that fires within a second, the others within an hour."""
    return (1 + (i * 7919) % 1000 if i % 100 == 0 else 1000 + (i * 7919) % 3_599_000) / 1000


def pause(i):
    return (1 + (i * 7919) % 100) / 1000


class Asyncio:
    def __init__(self, runner, version):
        import asyncio

        self.lib = asyncio
        self.run = runner
        self.version = version

    async def turns(self, count):
        sleep = self.lib.sleep
        for _ in range(count):
            await sleep(0)

    async def switch(self, amount):
        start = busy()
        async with self.lib.TaskGroup() as group:
            for _ in range(TASKS):
                group.create_task(self.turns(amount // TASKS))
        return busy() - start

    async def child(self, value):
        await self.lib.sleep(0)
        return value

    async def spawn(self, amount):
        start = busy()
        async with self.lib.TaskGroup() as group:
            for i in range(amount):
                await group.create_task(self.child(i))
        return busy() - start

    async def send_all(self, queue, amount):
        for i in range(amount):
            await queue.put(i)

    async def receive_all(self, queue, amount):
        for _ in range(amount):
            await queue.get()

    async def channel(self, amount, capacity):
        queue = self.lib.Queue(capacity)
        start = busy()
        async with self.lib.TaskGroup() as group:
            group.create_task(self.send_all(queue, amount))
            group.create_task(self.receive_all(queue, amount))
        return busy() - start

    async def lock(self, amount):
        lock = self.lib.Lock()
        start = busy()
        for _ in range(amount):
            async with lock:
                pass
        return busy() - start

    async def rival(self, lock, amount):
        for _ in range(amount):
            async with lock:
                await self.lib.sleep(0)

    async def lock_contended(self, amount):
        lock = self.lib.Lock()
        start = busy()
        async with self.lib.TaskGroup() as group:
            for _ in range(RIVALS):
                group.create_task(self.rival(lock, amount // RIVALS))
        return busy() - start

    async def sleepers(self, amount):
        start = busy()
        async with self.lib.TaskGroup() as group:
            for i in range(amount):
                group.create_task(self.lib.sleep(pause(i)))
        return busy() - start

    async def sleeper(self):
        await self.lib.sleep(AN_HOUR)

    async def sleeper_bytes(self, amount):
        before = memory()
        tasks = [self.lib.create_task(self.sleeper()) for _ in range(amount)]
        await self.lib.sleep(0.001)
        held = memory() - before
        for task in tasks:
            task.cancel()
        await self.lib.gather(*tasks, return_exceptions=True)
        return held

    async def waiter(self, event):
        await event.wait()

    async def parked_bytes(self, amount):
        event = self.lib.Event()
        before = memory()
        tasks = [self.lib.create_task(self.waiter(event)) for _ in range(amount)]
        await self.lib.sleep(0.001)
        held = memory() - before
        event.set()
        await self.lib.gather(*tasks)
        return held

    async def cancel(self, amount):
        tasks = [self.lib.create_task(self.sleeper()) for _ in range(amount)]
        await self.lib.sleep(0.001)
        start = busy()
        for task in tasks:
            task.cancel()
        await self.lib.gather(*tasks, return_exceptions=True)
        return busy() - start

    async def node(self, depth):
        if depth == 0:
            await self.lib.sleep(AN_HOUR)
            return
        async with self.lib.TaskGroup() as group:
            group.create_task(self.node(depth - 1))
            group.create_task(self.node(depth - 1))

    async def cancel_tree(self, amount):
        took = 0
        for _ in range(0, amount, TREE):
            root = self.lib.create_task(self.node(DEPTH))
            await self.lib.sleep(0.1)
            start = busy()
            root.cancel()
            await self.lib.gather(root, return_exceptions=True)
            took += busy() - start
        return took

    async def timers(self, amount):
        loop = self.lib.get_running_loop()
        done = self.lib.Event()
        left = (amount + 99) // 100

        def fired():
            nonlocal left
            left -= 1
            if left == 0:
                done.set()

        start = busy()
        handles = [loop.call_later(due(i), fired) for i in range(amount)]
        for i, handle in enumerate(handles):
            if i % 100 != 0:
                handle.cancel()
        await done.wait()
        return busy() - start

    async def timeout(self, amount):
        start = busy()
        for i in range(amount):
            async with self.lib.timeout(10):
                await self.child(i)
        return busy() - start

    async def descend(self, depth, count):
        if depth > 1:
            return await self.descend(depth - 1, count)
        for _ in range(count):
            await self.lib.sleep(0)

    async def resume(self, amount, depth):
        start = busy()
        async with self.lib.TaskGroup() as group:
            for _ in range(NESTED):
                group.create_task(self.descend(depth, amount // NESTED))
        return busy() - start


class Trio:
    timers = None

    def __init__(self):
        import trio

        self.lib = trio
        self.run = lambda coroutine: trio.run(lambda: coroutine)
        self.version = f"Trio {trio.__version__}"

    async def turns(self, count):
        checkpoint = self.lib.lowlevel.checkpoint
        for _ in range(count):
            await checkpoint()

    async def switch(self, amount):
        start = busy()
        async with self.lib.open_nursery() as nursery:
            for _ in range(TASKS):
                nursery.start_soon(self.turns, amount // TASKS)
        return busy() - start

    async def child(self, value):
        await self.lib.lowlevel.checkpoint()
        return value

    async def spawn(self, amount):
        # A nursery is how Trio joins: a task has no handle to wait for.
        start = busy()
        for i in range(amount):
            async with self.lib.open_nursery() as nursery:
                nursery.start_soon(self.child, i)
        return busy() - start

    async def send_all(self, sender, amount):
        async with sender:
            for i in range(amount):
                await sender.send(i)

    async def receive_all(self, receiver):
        async with receiver:
            async for _ in receiver:
                pass

    async def channel(self, amount, capacity):
        sender, receiver = self.lib.open_memory_channel(capacity)
        start = busy()
        async with self.lib.open_nursery() as nursery:
            nursery.start_soon(self.send_all, sender, amount)
            nursery.start_soon(self.receive_all, receiver)
        return busy() - start

    async def lock(self, amount):
        lock = self.lib.Lock()
        start = busy()
        for _ in range(amount):
            async with lock:
                pass
        return busy() - start

    async def rival(self, lock, amount):
        for _ in range(amount):
            async with lock:
                await self.lib.lowlevel.checkpoint()

    async def lock_contended(self, amount):
        lock = self.lib.Lock()
        start = busy()
        async with self.lib.open_nursery() as nursery:
            for _ in range(RIVALS):
                nursery.start_soon(self.rival, lock, amount // RIVALS)
        return busy() - start

    async def sleepers(self, amount):
        start = busy()
        async with self.lib.open_nursery() as nursery:
            for i in range(amount):
                nursery.start_soon(self.lib.sleep, pause(i))
        return busy() - start

    async def sleeper(self):
        await self.lib.sleep(AN_HOUR)

    async def sleeper_bytes(self, amount):
        async with self.lib.open_nursery() as nursery:
            before = memory()
            for _ in range(amount):
                nursery.start_soon(self.sleeper)
            await self.lib.sleep(0.001)
            held = memory() - before
            nursery.cancel_scope.cancel()
        return held

    async def waiter(self, event):
        await event.wait()

    async def parked_bytes(self, amount):
        event = self.lib.Event()
        async with self.lib.open_nursery() as nursery:
            before = memory()
            for _ in range(amount):
                nursery.start_soon(self.waiter, event)
            await self.lib.sleep(0.001)
            held = memory() - before
            event.set()
        return held

    async def cancel(self, amount):
        async with self.lib.open_nursery() as nursery:
            for _ in range(amount):
                nursery.start_soon(self.sleeper)
            await self.lib.sleep(0.001)
            start = busy()
            nursery.cancel_scope.cancel()
        return busy() - start

    async def node(self, depth):
        if depth == 0:
            await self.lib.sleep(AN_HOUR)
            return
        async with self.lib.open_nursery() as nursery:
            nursery.start_soon(self.node, depth - 1)
            nursery.start_soon(self.node, depth - 1)

    async def cancel_tree(self, amount):
        took = 0
        for _ in range(0, amount, TREE):
            async with self.lib.open_nursery() as nursery:
                nursery.start_soon(self.node, DEPTH)
                await self.lib.sleep(0.1)
                start = busy()
                nursery.cancel_scope.cancel()
            took += busy() - start
        return took

    async def timeout(self, amount):
        start = busy()
        for i in range(amount):
            with self.lib.fail_after(10):
                await self.child(i)
        return busy() - start

    async def descend(self, depth, count):
        if depth > 1:
            return await self.descend(depth - 1, count)
        await self.turns(count)

    async def resume(self, amount, depth):
        start = busy()
        async with self.lib.open_nursery() as nursery:
            for _ in range(NESTED):
                nursery.start_soon(self.descend, depth, amount // NESTED)
        return busy() - start


class Curio:
    timers = None

    def __init__(self):
        import curio

        self.lib = curio
        self.run = lambda coroutine: curio.run(coroutine)
        self.version = f"curio {curio.__version__}"

    async def turns(self, count):
        sleep = self.lib.sleep
        for _ in range(count):
            await sleep(0)

    async def switch(self, amount):
        start = busy()
        async with self.lib.TaskGroup() as group:
            for _ in range(TASKS):
                await group.spawn(self.turns, amount // TASKS)
        return busy() - start

    async def child(self, value):
        await self.lib.sleep(0)
        return value

    async def spawn(self, amount):
        start = busy()
        for i in range(amount):
            task = await self.lib.spawn(self.child, i)
            await task.join()
        return busy() - start

    async def send_all(self, queue, amount):
        for i in range(amount):
            await queue.put(i)

    async def receive_all(self, queue, amount):
        for _ in range(amount):
            await queue.get()

    async def channel(self, amount, capacity):
        queue = self.lib.Queue(capacity)
        start = busy()
        async with self.lib.TaskGroup() as group:
            await group.spawn(self.send_all, queue, amount)
            await group.spawn(self.receive_all, queue, amount)
        return busy() - start

    async def lock(self, amount):
        lock = self.lib.Lock()
        start = busy()
        for _ in range(amount):
            async with lock:
                pass
        return busy() - start

    async def rival(self, lock, amount):
        for _ in range(amount):
            async with lock:
                await self.lib.sleep(0)

    async def lock_contended(self, amount):
        lock = self.lib.Lock()
        start = busy()
        async with self.lib.TaskGroup() as group:
            for _ in range(RIVALS):
                await group.spawn(self.rival, lock, amount // RIVALS)
        return busy() - start

    async def sleepers(self, amount):
        start = busy()
        async with self.lib.TaskGroup() as group:
            for i in range(amount):
                await group.spawn(self.lib.sleep, pause(i))
        return busy() - start

    async def sleeper(self):
        await self.lib.sleep(AN_HOUR)

    async def sleeper_bytes(self, amount):
        before = memory()
        group = self.lib.TaskGroup()
        for _ in range(amount):
            await group.spawn(self.sleeper)
        await self.lib.sleep(0.001)
        held = memory() - before
        await group.cancel_remaining()
        return held

    async def waiter(self, event):
        await event.wait()

    async def parked_bytes(self, amount):
        event = self.lib.Event()
        before = memory()
        group = self.lib.TaskGroup()
        for _ in range(amount):
            await group.spawn(self.waiter, event)
        await self.lib.sleep(0.001)
        held = memory() - before
        await event.set()
        await group.join()
        return held

    async def cancel(self, amount):
        group = self.lib.TaskGroup()
        for _ in range(amount):
            await group.spawn(self.sleeper)
        await self.lib.sleep(0.001)
        start = busy()
        await group.cancel_remaining()
        return busy() - start

    async def node(self, depth):
        if depth == 0:
            await self.lib.sleep(AN_HOUR)
            return
        async with self.lib.TaskGroup() as group:
            await group.spawn(self.node, depth - 1)
            await group.spawn(self.node, depth - 1)

    async def cancel_tree(self, amount):
        took = 0
        for _ in range(0, amount, TREE):
            root = await self.lib.spawn(self.node, DEPTH)
            await self.lib.sleep(0.1)
            start = busy()
            await root.cancel()
            took += busy() - start
        return took

    async def timeout(self, amount):
        start = busy()
        for i in range(amount):
            async with self.lib.timeout_after(10):
                await self.child(i)
        return busy() - start

    async def descend(self, depth, count):
        if depth > 1:
            return await self.descend(depth - 1, count)
        await self.turns(count)

    async def resume(self, amount, depth):
        start = busy()
        async with self.lib.TaskGroup() as group:
            for _ in range(NESTED):
                await group.spawn(self.descend, depth, amount // NESTED)
        return busy() - start


def library(name):
    if name == "asyncio":
        import asyncio

        return Asyncio(asyncio.run, f"asyncio of Python {platform.python_version()}")
    if name == "uvloop":
        import uvloop

        return Asyncio(uvloop.run, f"uvloop {uvloop.__version__}")
    return {"trio": Trio, "curio": Curio}[name]()


def measure(lib, work, amount):
    name, *parameter = work.split("-")
    if name in ("channel", "resume"):
        return lib.run(getattr(lib, name)(amount, int(parameter[0])))
    method = getattr(lib, work.replace("-", "_"), None)
    return None if method is None else lib.run(method(amount))


def main():
    try:
        lib = library(sys.argv[1])
    except ImportError:
        sys.exit(3)
    print(json.dumps({"ready": lib.version}), flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        try:
            cost = measure(lib, request["work"], request["amount"])
            answer = {"missing": True} if cost is None else {"cost": cost}
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)


main()
