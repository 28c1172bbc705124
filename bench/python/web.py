"""The web servers of the benchmark in Python: aiohttp and Tornado.

Usage: web.py LIBRARY. Answers `GET /` and `POST /json`, and talks as src/http/server.ts does. Exit status 3: the library is not
installed.
"""

import asyncio
import gc
import json
import sys
import time

HOST = "127.0.0.1"
HELLO = "Hello, World!"


async def answer(port):
    print(json.dumps({"ports": [port]}), flush=True)
    loop = asyncio.get_running_loop()
    asked = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(asked), sys.stdin)
    while question := await asked.readline():
        if question.strip() == b"cpu":
            print(time.process_time_ns(), flush=True)
        else:
            gc.collect()
            with open("/proc/self/statm") as file:
                print(int(file.read().split()[1]) * 4096, flush=True)


async def with_aiohttp():
    from aiohttp import web

    async def hello(request):
        return web.Response(text=HELLO)

    async def echo(request):
        return web.json_response(await request.json())

    app = web.Application()
    app.router.add_get("/", hello)
    app.router.add_post("/json", echo)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, HOST, 0)
    await site.start()
    await answer(runner.addresses[0][1])


async def with_tornado():
    from tornado.httpserver import HTTPServer
    from tornado.netutil import bind_sockets
    from tornado.web import Application, RequestHandler

    class Hello(RequestHandler):
        def get(self):
            self.set_header("Content-Type", "text/plain; charset=utf-8")
            self.finish(HELLO)

    class Echo(RequestHandler):
        def post(self):
            self.finish(json.loads(self.request.body))

    app = Application([("/", Hello), ("/json", Echo)], log_function=lambda handler: None)
    sockets = bind_sockets(0, HOST)
    HTTPServer(app).add_sockets(sockets)
    await answer(sockets[0].getsockname()[1])


try:
    asyncio.run({"aiohttp": with_aiohttp, "Tornado": with_tornado}[sys.argv[1]]())
except ImportError:
    sys.exit(3)
