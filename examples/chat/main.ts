// A chat server: everybody hears what everybody says.
//
// Each connection has two tasks in a group: one reads what its user says, the other writes what the room says. The room is a
// broadcast: what is sent to it comes to all who listen, each at a speed of their own, and whoever is too slow misses something.
// When the user leaves, the group ends both tasks, and whatever else was begun for the connection.
//
// Run it: node --conditions=rondo-source examples/chat/main.ts
import { Broadcast, type Coroutine, group, run } from "rondo";
import { type ByteStream, connect, type Handler, listen, serve } from "rondo/net";

function chat(room: Broadcast<string>): Handler {
  return function* (stream) {
    const lines = stream.lines();
    const name = yield* lines.next();
    if (name === undefined) return;
    using heard = room.subscribe(); // until the task that listens has ended
    try {
      yield* group(function* (g) {
        g.spawn(
          function* () {
            for (let text = yield* heard.receive(); text !== undefined; text = yield* heard.receive())
              yield* stream.write(`${text}\n`);
          },
          { daemon: true }, // it ends with the one who reads
        );
        yield* room.send(`* ${name} has come`);
        for (let line = yield* lines.next(); line !== undefined; line = yield* lines.next())
          yield* room.send(`${name}: ${line}`);
      });
    } finally {
      room.trySend(`* ${name} has left`); // in whatever way: closed, reset, or the server stops
    }
  };
}

/** Waits until the room has said this. */
function* hears(stream: ByteStream, text: string): Coroutine<void> {
  const lines = stream.lines();
  for (let line = yield* lines.next(); line !== text; line = yield* lines.next())
    if (line === undefined) throw new Error(`the server has left before it said "${text}"`);
}

await run(() =>
  group(function* (g) {
    const listener = yield* listen({ host: "127.0.0.1", port: 0 });
    g.spawn(serve(listener, chat(new Broadcast<string>(64, { overflow: "drop-oldest" }))), { name: "server" });
    const at = { host: "127.0.0.1", port: listener.address.port };

    const ann = yield* connect(at);
    yield* ann.write("ann\n");
    yield* hears(ann, "* ann has come");
    const bob = yield* connect(at);
    yield* bob.write("bob\n");
    yield* hears(ann, "* bob has come");

    yield* ann.write("hello bob\n");
    yield* hears(bob, "ann: hello bob");
    yield* bob.write("hello ann\nI have to go\n");
    yield* hears(bob, "bob: I have to go");
    yield* bob.close();

    const lines = ann.lines();
    for (let i = 0; i < 4; i++) console.log(yield* lines.next());
    // prints: ann: hello bob
    // prints: bob: hello ann
    // prints: bob: I have to go
    // prints: * bob has left
    yield* ann.close();
    g.stop({ within: 1000 });
  }),
);
