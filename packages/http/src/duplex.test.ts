/** Bodies in both directions at once: an answer that begins before the body of its request has been read. */
import { type Coroutine, Flow } from "rondo";
import { expect, test } from "vitest";
import { fetching } from "../tests/fetching.ts";
import { type ClientResponse, type HttpRequest, stream, text } from "./index.ts";

const SIZE = 300_000;
const all = new Uint8Array(SIZE).map((_, i) => (i * 7 + (i >> 8)) & 255);

function* inParts(): Generator<Uint8Array> {
  for (let at = 0; at < SIZE; at += 50_000) yield all.subarray(at, at + 50_000);
}

function* sizeOf(response: ClientResponse): Coroutine<number> {
  return (yield* response.bytes()).length;
}

test.each([1, 2, 3, 4, 5])("an upload that is answered while it is read keeps its connection (seed %i)", (seed) => {
  fetching(
    (request) => stream(request.body),
    function* (client) {
      for (const body of [all, Flow.from<Uint8Array>(inParts())]) {
        const response = yield* client.fetch("/", { method: "POST", body });
        expect(response.headers.get("connection")).toBeUndefined();
        expect(yield* response.bytes()).toEqual(all);
      }
      const after = yield* client.fetch("/", { method: "POST", body: "more" });
      expect(after.timing.reused).toBe(true);
      expect(yield* after.text()).toBe("more");
      expect(client.statistics()["http://server"]).toMatchObject({ idle: 1, lent: 0 });
    },
    { sim: { seed } },
  );
});

test("an upload that is answered and not read to its end is not waited for, and what follows has a connection of its own", () => {
  function* first(request: HttpRequest): Coroutine<Uint8Array | undefined> {
    return yield* request.read();
  }
  fetching(
    function* (request) {
      if (request.path === "/refused") return text("too much", { status: 413 });
      const piece = yield* first(request);
      return stream([piece ?? new Uint8Array()]);
    },
    function* (client) {
      const refused = yield* client.fetch("/refused", { method: "POST", body: all });
      expect(refused.headers.get("connection")).toBe("close");
      expect(yield* refused.text()).toBe("too much");
      const response = yield* client.fetch("/", { method: "POST", body: all });
      expect(yield* sizeOf(response)).toBeGreaterThan(0);
      expect(yield* sizeOf(yield* client.fetch("/", { method: "POST", body: "more" }))).toBe(4);
    },
  );
});
