/** Clusters, as real processes: who serves, who is replaced, and who is asked to end. */
import { fileURLToPath } from "node:url";
import { type Coroutine, type Flow, group, run, sleep, type Task } from "rondo";
import { listen } from "rondo/net";
import { type Process, spawnProcess } from "rondo/os";
import { describe, expect, test } from "vitest";
import { type ClusterEvent, fetch } from "./index.ts";

const program = fileURLToPath(new URL("../tests/cluster-program.ts", import.meta.url));

interface Running {
  readonly process: Process;
  readonly url: string;
  /** The next event of this type. */
  event(type: ClusterEvent["type"]): Coroutine<ClusterEvent>;
}

function* freePort(): Coroutine<number> {
  const listener = yield* listen({ host: "127.0.0.1", port: 0 });
  const { port } = listener.address;
  listener.close();
  return port;
}

/** Starts a cluster, and gives it when both of its workers listen. */
function withCluster(body: (running: Running) => Coroutine<void>): Promise<void> {
  return run(() =>
    group(function* () {
      const port = yield* freePort();
      const process_ = yield* spawnProcess(process.execPath, ["--conditions=rondo-source", program, String(port)], {
        stdout: "pipe",
        stderr: "inherit",
      });
      const lines: Flow<string> = process_.stdout.lines();
      const event = function* (type: ClusterEvent["type"]): Coroutine<ClusterEvent> {
        for (;;) {
          const line = yield* lines.next();
          if (line === undefined) throw new Error(`the cluster ended before "${type}"`);
          const said = JSON.parse(line) as ClusterEvent;
          if (said.type === type) return said;
        }
      };
      yield* event("listening");
      yield* event("listening");
      yield* body({ process: process_, url: `http://127.0.0.1:${port}`, event });
    }),
  );
}

function* ask(url: string): Coroutine<string> {
  return yield* (yield* fetch(url)).text();
}

describe("a cluster", () => {
  test("serves by all of its processes at one port, replaces one that dies, and stops when it is told to", async () => {
    await withCluster(function* ({ process: cluster, url, event }) {
      const seen = new Set<string>();
      for (let i = 0; i < 8; i++) seen.add(yield* ask(url));
      expect(seen.size).toBe(2);
      yield* group(function* (g) {
        const crashing = g.spawn(function* () {
          try {
            yield* ask(`${url}/crash`);
          } catch {
            return "gone";
          }
          return "answered";
        });
        expect(yield* crashing).toBe("gone");
      });
      expect(yield* event("died")).toMatchObject({ status: 7 });
      yield* event("listening");
      const after = new Set<string>();
      for (let i = 0; i < 8; i++) after.add(yield* ask(url));
      expect(after.size).toBe(2);
      // What has been begun is finished, though it is to end.
      yield* group(function* (g) {
        const slow: Task<string>[] = [g.spawn(ask(`${url}/slow`)), g.spawn(ask(`${url}/slow`))];
        yield* ask(url);
        cluster.kill("SIGTERM");
        for (const one of slow) expect(yield* one).toMatch(/^\d+ \d$/);
      });
      yield* event("ended");
      yield* event("ended");
      expect(yield* cluster.wait()).toMatchObject({ code: 0 });
    });
  });

  test("replaces its workers one after the other on SIGHUP, with somebody there all the time", async () => {
    await withCluster(function* ({ process: cluster, url, event }) {
      const before = new Set<string>();
      for (let i = 0; i < 4; i++) before.add(yield* ask(url));
      cluster.kill("SIGHUP");
      let asked = 0;
      yield* group(function* (g) {
        g.spawn(
          function* () {
            for (;;) {
              yield* ask(url);
              asked++;
            }
          },
          { daemon: true },
        );
        g.spawn(function* () {
          yield* event("ended");
          yield* event("ended");
        });
      });
      expect(asked).toBeGreaterThan(0);
      const after = new Set<string>();
      for (let i = 0; i < 4; i++) after.add(yield* ask(url));
      expect([...after].filter((one) => before.has(one))).toEqual([]);
      cluster.kill("SIGTERM");
      expect(yield* cluster.wait()).toMatchObject({ code: 0 });
    });
  });

  test("has workers end with it, though it was killed", async () => {
    await withCluster(function* ({ process: cluster, url }) {
      const pid = Number((yield* ask(url)).split(" ")[0]);
      cluster.kill("SIGKILL");
      yield* cluster.wait();
      for (;;) {
        try {
          process.kill(pid, 0);
        } catch {
          return; // it is gone
        }
        yield* sleep(5);
      }
    });
  });
});
