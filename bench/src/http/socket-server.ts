// A server of WebSockets in a process of its own: `rondo` or `ws`. It echoes binary messages, and tells every text to all.
//
// It says its port on a line, answers `cpu` and `memory` on its input, and ends with it.
import { readFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { broadcast, serve, upgrade, type WebSocket } from "@rondo/http";
import { group, run, until } from "rondo";
import { WebSocketServer } from "ws";

const HOST = "127.0.0.1";

async function rondo(): Promise<void> {
  const sockets = new Set<WebSocket>();
  function* talk(socket: WebSocket) {
    sockets.add(socket);
    try {
      for (let message = yield* socket.receive(); message !== undefined; message = yield* socket.receive()) {
        if (typeof message === "string") broadcast(sockets, message);
        else yield* socket.send(message);
      }
    } finally {
      sockets.delete(socket);
    }
  }
  await run(() =>
    group(function* () {
      const server = yield* serve({ host: HOST, port: 0, handler: (request) => upgrade(request, talk) });
      yield* until(ready(server.address.port));
      server.stop({ within: 0 });
    }),
  );
}

function ws(): void {
  const server = new WebSocketServer({ host: HOST, port: 0 });
  server.on("connection", (socket) => {
    socket.on("error", () => {});
    socket.on("message", (data, binary) => {
      if (binary) socket.send(data);
      else {
        // As its documentation has it.
        for (const client of server.clients) if (client.readyState === 1) client.send(data, { binary: false });
      }
    });
  });
  server.on("listening", () => void ready((server.address() as AddressInfo).port).then(() => process.exit(0)));
}

const nap = new Int32Array(new SharedArrayBuffer(4));

function cpu(): number {
  // Linux books a running thread's time only at its clock tick; a thread that goes to sleep is booked at once.
  Atomics.wait(nap, 0, 0, 0.01);
  const { user, system } = process.cpuUsage();
  return (user + system) * 1e3;
}

function memory(): number {
  globalThis.gc?.();
  globalThis.gc?.();
  return Number(readFileSync("/proc/self/statm", "latin1").split(" ")[1]) * 4096;
}

function ready(port: number): Promise<void> {
  process.stdout.write(`${JSON.stringify({ ports: [port] })}\n`);
  process.stdin.on("data", (asked) => {
    for (const question of String(asked).trim().split("\n"))
      process.stdout.write(`${question === "cpu" ? cpu() : memory()}\n`);
  });
  return new Promise((resolve) => process.stdin.once("end", () => resolve()));
}

if (process.argv[2] === "rondo") await rondo();
else ws();
