// A server of WebSockets in a process of its own: `rondo` or `ws`. It echoes binary messages, and tells every text to all.
//
// It is asked as measured.ts says.
import type { AddressInfo } from "node:net";
import { broadcast, serve, upgrade, type WebSocket } from "@rondo/http";
import { group, run, until } from "rondo";
import { WebSocketServer } from "ws";
import { ready } from "../measured.ts";

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
      yield* until(ready([server.address.port]));
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
  server.on("listening", () => void ready([(server.address() as AddressInfo).port]).then(() => process.exit(0)));
}

if (process.argv[2] === "rondo") await rondo();
else ws();
