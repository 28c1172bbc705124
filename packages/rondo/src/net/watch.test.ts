/** Watching a stream: what somebody who works for the peer hears of it while nobody reads. */
import { describe, expect, test } from "vitest";
import { group, run, scope, sleep } from "../index.ts";
import { inGroup, onEverySchedule } from "../../tests/virtual.ts";
import { connect, listen, memoryPair } from "./index.ts";

describe("watching a stream", () => {
  test("the end of the peer's stream is told though nobody reads, and what came before it is still there", () =>
    inGroup(function* () {
      const [client, server] = memoryPair();
      const heard: string[] = [];
      server.watch((how) => heard.push(how));
      yield* client.write("unread");
      yield* client.end();
      yield* sleep(1);
      expect(heard).toEqual(["ended"]);
      expect((yield* server.read())?.length).toBe(6);
      expect(yield* server.read()).toBeUndefined();
      yield* client.close();
      yield* server.close();
    }));

  test("a reset is told once", () =>
    inGroup(function* () {
      const [client, server] = memoryPair();
      const heard: string[] = [];
      server.watch((how) => heard.push(how));
      client.abort();
      yield* sleep(1);
      expect(heard).toEqual(["gone"]);
      server.abort();
    }));

  test("an end and then a reset are both told", () =>
    inGroup(function* () {
      const [client, server] = memoryPair();
      const heard: string[] = [];
      server.watch((how) => heard.push(how));
      yield* client.end();
      yield* sleep(1);
      client.abort();
      yield* sleep(1);
      expect(heard).toEqual(["ended", "gone"]);
      server.abort();
    }));

  test("what happens on this side is not told, nor anything to one who was taken away", () =>
    inGroup(function* () {
      const [client, server] = memoryPair();
      const heard: string[] = [];
      server.watch((how) => heard.push(how));
      server.abort();
      yield* sleep(1);
      expect(heard).toEqual([]);
      client.watch((how) => heard.push(how));
      client.watch(null);
      client.abort();
      yield* sleep(1);
      expect(heard).toEqual([]);
    }));

  test("a reader that waits gets the end as well", () =>
    inGroup(function* (g) {
      const [client, server] = memoryPair();
      const heard: string[] = [];
      server.watch((how) => heard.push(how));
      g.spawn(function* () {
        heard.push(String(yield* server.read()));
      });
      yield* sleep(1);
      yield* client.end();
      yield* sleep(1);
      expect(heard).toEqual(["ended", "undefined"]);
      client.abort();
      server.abort();
    }));

  test("the work of a scope is cancelled when the peer leaves, on every schedule", () =>
    onEverySchedule(function* (g) {
      const [client, server] = memoryPair();
      g.spawn(function* () {
        yield* sleep(5);
        client.abort();
      });
      const work = yield* scope(function* (s) {
        server.watch((how) => s.cancel(how));
        yield* sleep(1000);
      });
      expect(work.cancelled).toBe(true);
      server.abort();
    }));

  test("on a socket, both an end and a reset", () =>
    run(() =>
      group(function* () {
        const listener = yield* listen({ host: "127.0.0.1", port: 0 });
        for (const how of ["ended", "gone"]) {
          const client = yield* connect({ host: "127.0.0.1", port: listener.address.port });
          const server = yield* listener.accept();
          const work = yield* scope(function* (s) {
            server.watch((told) => s.cancel(expect(told).toBe(how)));
            if (how === "ended") yield* client.end();
            else client.abort();
            yield* sleep(30_000);
          });
          expect(work.cancelled).toBe(true);
          client.abort();
          server.abort();
          yield* client.close();
          yield* server.close();
        }
        listener.close();
      }),
    ));
});
