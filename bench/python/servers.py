"""The servers of the benchmark in Python: asyncio's streams, on its own loop or on uvloop's.

Usage: servers.py LIBRARY WORK. Talks as src/net/server.ts does: a line of JSON with its ports, then a line for each line
on standard input. Exit status 3: the library is not installed.
"""

import asyncio
import gc
import json
import os
import sys
import time

HOST = "127.0.0.1"
MOST = 65536


async def echo(reader, writer):
    while data := await reader.read(MOST):
        writer.write(data)
        await writer.drain()
    writer.close()


async def copy(reader, writer):
    while data := await reader.read(MOST):
        writer.write(data)
        await writer.drain()
    writer.close()


def memory():
    gc.collect()
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096


async def serve(work):
    if work == "echo":
        servers = [await asyncio.start_server(echo, HOST, 0)]
    else:
        sources, sinks = asyncio.Queue(), asyncio.Queue()

        async def pairs():
            while True:
                reader, mine = await sources.get()
                unread, writer = await sinks.get()
                await copy(reader, writer)
                mine.close()

        servers = [
            await asyncio.start_server(lambda r, w: sources.put_nowait((r, w)), HOST, 0),
            await asyncio.start_server(lambda r, w: sinks.put_nowait((r, w)), HOST, 0),
        ]
        pairing = asyncio.create_task(pairs())
        assert pairing
    print(json.dumps({"ports": [s.sockets[0].getsockname()[1] for s in servers]}), flush=True)
    loop = asyncio.get_running_loop()
    asked = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(asked), sys.stdin)
    while question := (await asked.readline()).strip():
        print(time.process_time_ns() if question == b"cpu" else memory(), flush=True)
    # Nobody is interested in what becomes of the connections.
    os._exit(0)


def main():
    library, work = sys.argv[1:]
    if library == "uvloop":
        try:
            import uvloop
        except ImportError:
            sys.exit(3)
        uvloop.run(serve(work))
    else:
        asyncio.run(serve(work))


main()
