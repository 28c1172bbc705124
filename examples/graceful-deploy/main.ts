// A server that is replaced while clients keep asking, and none of them notices.
//
// `cluster` runs as many processes as it is told to on one port. SIGHUP replaces them one after the other: the new one listens
// before the old one is asked to stop, and that one answers what it has begun. SIGTERM ends them all the same way.
//
// Run it: node --conditions=rondo-source examples/graceful-deploy/main.ts
// It starts the cluster as a process of its own, asks it all the time, has it replaced, and counts what went wrong.
import { fileURLToPath } from "node:url";
import { cluster, openClient, serve, text } from "@rondo/http";
import { type Coroutine, group, run, sleep } from "rondo";
import { listen } from "rondo/net";
import { spawnProcess } from "rondo/os";

const port = Number(process.argv[2] ?? 0);
if (port !== 0) {
  await run(() =>
    cluster({ workers: 2, within: 5000, onEvent: ({ type }) => console.log(type) }, function* ({ pid }) {
      yield* serve({
        host: "127.0.0.1",
        port,
        *handler() {
          yield* sleep(5); // some work
          return text(String(pid));
        },
      });
    }),
  );
} else await run(deploy);

function* deploy(): Coroutine<void> {
  const free = yield* listen({ host: "127.0.0.1", port: 0 });
  free.close();
  const at = String(free.address.port);
  const self = fileURLToPath(import.meta.url);
  yield* group(function* () {
    const server = yield* spawnProcess(process.execPath, ["--conditions=rondo-source", self, at], { stdin: "ignore" });
    const lines = server.stdout.lines();
    const events = function* (wanted: string, count: number): Coroutine<void> {
      for (let seen = 0; seen < count;) if ((yield* lines.next()) === wanted) seen++;
    };
    yield* events("listening", 2);

    const client = openClient({ baseUrl: `http://127.0.0.1:${at}`, proxy: null });
    const pids = new Set<string>();
    let answered = 0;
    let failed = 0;
    yield* group(function* (g) {
      for (let i = 0; i < 4; i++) {
        g.spawn(
          function* () {
            for (;;) {
              try {
                // A server that ends keeps no connection: where it closes between two requests the client sees it.
                pids.add(yield* (yield* client.fetch("/")).text());
                answered++;
              } catch (error) {
                failed++;
                console.log(String(error));
              }
            }
          },
          { daemon: true },
        );
      }
      g.spawn(function* () {
        while (answered < 20) yield* sleep(5);
        server.kill("SIGHUP");
        yield* events("ended", 2);
        const before = answered;
        while (answered < before + 20) yield* sleep(5);
      });
    });
    console.log("served by more than two processes:", pids.size > 2); // prints: served by more than two processes: true
    console.log("failed:", failed); // prints: failed: 0
    server.kill("SIGTERM");
    console.log("ended with", (yield* server.wait()).code); // prints: ended with 0
  });
}
