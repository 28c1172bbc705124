// A chat on a page, over WebSockets.
//
// With a port it stays and serves the page: node --conditions=rondo-source examples/websocket-chat/main.ts 8080
// Without one two programs talk to each other over it, and it ends.
import { group, run } from "rondo";
import { connectWebSocket, serve, type WebSocket } from "@rondo/http";
import { chat, Room } from "./chat.ts";

/** Reads until the room has said this, and prints it. */
function* hears(socket: WebSocket, who: string, wanted: string) {
  for (;;) {
    const { from, text } = JSON.parse((yield* socket.receive()) as string) as { from: string | null; text: string };
    if (text !== wanted) continue;
    console.log(`${who} hears ${from === null ? "" : `${from}: `}${text}`);
    return;
  }
}

const port = Number(process.argv[2] ?? 0);

await run(() =>
  group(function* () {
    const server = yield* serve({ host: "127.0.0.1", port, handler: chat(new Room()) });
    if (port !== 0) {
      console.log(`open ${server.url}/?name=ann in one window, and ${server.url}/?name=bob in another`);
      return;
    }
    const at = `ws://127.0.0.1:${server.address.port}/socket`;
    const ann = yield* connectWebSocket(`${at}?name=ann`, { protocols: ["chat"] });
    yield* hears(ann, "ann", "ann has come"); // prints: ann hears ann has come
    const bob = yield* connectWebSocket(`${at}?name=bob`, { protocols: ["chat"] });
    yield* hears(ann, "ann", "bob has come"); // prints: ann hears bob has come
    yield* ann.send("hello bob");
    yield* hears(bob, "bob", "hello bob"); // prints: bob hears ann: hello bob
    yield* bob.send("hello ann, I have to go");
    yield* hears(ann, "ann", "hello ann, I have to go"); // prints: ann hears bob: hello ann, I have to go
    yield* bob.close(1000, "bye");
    yield* hears(ann, "ann", "bob has left"); // prints: ann hears bob has left

    // The server stops: it says so to those who are still there.
    server.stop({ within: 1000 });
    while ((yield* ann.receive()) !== undefined);
    console.log(`ann is told ${ann.closed?.code}`); // prints: ann is told 1001
  }),
);
