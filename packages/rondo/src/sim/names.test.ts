/** Names of a simulated world, as the system looks them up and as name servers are asked, and how both fail. */
import { expect, test } from "vitest";
import { causeOf, echo, inWorld, server, settle, thrown } from "../../tests/sim-network.ts";
import { type Coroutine, now, type Operation, sleep, timeout, use } from "../index.ts";
import {
  connect,
  resolve,
  resolve4,
  resolve6,
  resolveCname,
  resolveMx,
  resolveRecords,
  resolveSrv,
  resolveTxt,
  reverse,
  type SystemError,
} from "../net/index.ts";

/** The code of a failure, and how long that took. */
function* code(body: () => Operation<unknown>): Coroutine<string> {
  const begun = now();
  const error = (yield* thrown(body)) as SystemError;
  return `${error.code} after ${Math.round(now() - begun)} ms`;
}

test("every computer has its name and its aliases, forwards and backwards", () => {
  const found = inWorld(function* (world) {
    world.node("server", () => sleep(1000), { address: ["10.1.0.1", "fd00::1"], names: ["db.test"] });
    return [
      yield* resolve("server"),
      yield* resolve("SERVER."),
      yield* resolve("db.test", { family: 6 }),
      yield* resolve4("server"),
      yield* resolve6("db.test"),
      yield* reverse("10.1.0.1"),
      yield* reverse("fd00:0::1"),
      yield* resolve("localhost"),
    ];
  });
  const both = [
    { address: "10.1.0.1", family: 4 },
    { address: "fd00::1", family: 6 },
  ];
  expect(found).toEqual([
    both,
    both,
    [both[1]],
    ["10.1.0.1"],
    ["fd00::1"],
    ["server"],
    ["server"],
    [
      { address: "127.0.0.1", family: 4 },
      { address: "::1", family: 6 },
    ],
  ]);
});

test("names can be added, moved and taken away", () => {
  const found = inWorld(function* (world) {
    const { names } = world.network;
    const seen: unknown[] = [];
    names.set("service.test", ["10.0.0.8", "10.0.0.9"]);
    seen.push((yield* resolve("service.test")).map(({ address }) => address));
    names.set("service.test", "10.0.0.7");
    seen.push((yield* resolve("service.test")).map(({ address }) => address));
    names.remove("service.test");
    seen.push(yield* code(() => resolve("service.test")));
    names.set("world", "10.0.0.1"); // over the name of a computer, which comes back
    seen.push(yield* resolve4("world"));
    names.remove("world");
    seen.push(yield* resolve4("world"));
    return seen;
  });
  expect(found).toEqual([
    ["10.0.0.8", "10.0.0.9"],
    ["10.0.0.7"],
    "ENOTFOUND after 0 ms",
    ["10.0.0.1"],
    ["10.255.255.254"],
  ]);
});

test("what is no address cannot be one", () => {
  const error = inWorld(function* (world) {
    return yield* thrown(function* () {
      world.network.names.set("service.test", "elsewhere");
    });
  });
  expect(error.message).toBe("the name service.test is to stand for IP addresses, and elsewhere is none");
});

test("an alias leads to what its name stands for, and no further than eight times", () => {
  const found = inWorld(function* (world) {
    const { names } = world.network;
    names.set("www.test", { cname: "host.test" });
    names.set("host.test", "10.0.0.9");
    names.set("round.test", { cname: "round.test" });
    return [
      yield* resolve4("www.test"),
      yield* resolveCname("www.test"),
      yield* code(() => resolveCname("host.test")),
      yield* code(() => resolve("round.test")),
      yield* code(() => resolveCname("nobody.test")),
    ];
  });
  expect(found).toEqual([
    ["10.0.0.9"],
    ["host.test"],
    "ENODATA after 0 ms",
    "ENOTFOUND after 0 ms",
    "ENOTFOUND after 0 ms",
  ]);
});

test("records are in the shape of node:dns", () => {
  const found = inWorld(function* (world) {
    world.network.names.set("test", {
      records: {
        TXT: ["v=spf1 -all", ["in ", "pieces"]],
        MX: [
          { priority: 20, exchange: "b.test" },
          { priority: 10, exchange: "a.test" },
        ],
        SRV: [{ name: "a.test", port: 1, priority: 1, weight: 1 }],
        CAA: [{ critical: 0, issue: "ca.test" }],
      },
    });
    return [
      yield* resolveTxt("test"),
      (yield* resolveMx("test")).map(({ exchange }) => exchange),
      yield* resolveSrv("test"),
      yield* resolveRecords("test", "caa"),
      yield* code(() => resolve4("test")),
      yield* code(() => resolveRecords("test", "NS")),
      yield* code(() => resolveTxt("not..a.name")),
    ];
  });
  expect(found).toEqual([
    ["v=spf1 -all", "in pieces"],
    ["a.test", "b.test"],
    [{ name: "a.test", port: 1, priority: 1, weight: 1 }],
    [{ critical: 0, issue: "ca.test" }],
    "ENODATA after 0 ms",
    "ENODATA after 0 ms",
    "EBADNAME after 0 ms",
  ]);
});

test("a failure has the code that the one who asks knows it by, and takes as long", () => {
  const seen = inWorld(function* (world) {
    const { names } = world.network;
    const found: string[] = [];
    for (const how of ["not-found", "fault", "silence", "refused"] as const) {
      names.fail(how);
      found.push(`${how}: ${yield* code(() => resolve("world"))}, ${yield* code(() => resolve4("world"))}`);
      names.restore();
    }
    yield* resolve("world");
    return found;
  });
  expect(seen).toEqual([
    "not-found: ENOTFOUND after 0 ms, ENOTFOUND after 0 ms",
    "fault: EAI_AGAIN after 0 ms, ESERVFAIL after 0 ms",
    "silence: EAI_AGAIN after 10000 ms, ETIMEOUT after 30000 ms",
    "refused: EAI_AGAIN after 0 ms, ECONNREFUSED after 0 ms",
  ]);
});

test("the errors are those of node:dns", () => {
  const errors = inWorld(function* () {
    const one = yield* thrown(() => resolve("nobody.test"));
    const other = yield* thrown(() => resolve4("nobody.test"));
    return [one.cause, other.cause, other.message];
  });
  expect(errors).toEqual([
    expect.objectContaining({
      message: "getaddrinfo ENOTFOUND nobody.test",
      code: "ENOTFOUND",
      errno: -3008,
      syscall: "getaddrinfo",
      hostname: "nobody.test",
    }),
    expect.objectContaining({
      message: "queryA ENOTFOUND nobody.test",
      code: "ENOTFOUND",
      syscall: "queryA",
      hostname: "nobody.test",
    }),
    "look up A of nobody.test: there is no such name (ENOTFOUND)",
  ]);
});

test("an outage may be that of one name, or of one computer", () => {
  const seen = inWorld(function* (world) {
    const { names } = world.network;
    const other = world.node("other", function* () {
      yield* sleep(10);
      return [yield* code(() => resolve("world")), (yield* resolve("localhost")).length];
    });
    names.fail("fault", { place: other });
    names.fail("not-found", { name: "Other" });
    const mine = [yield* code(() => resolve("other")), (yield* resolve("world")).length];
    names.restore({ name: "other" });
    yield* resolve("other");
    return [mine, (yield* other.ended()).value];
  });
  expect(seen).toEqual([
    ["ENOTFOUND after 0 ms", 1],
    ["EAI_AGAIN after 0 ms", 2],
  ]);
});

test("a system keeps an answer for its time to live, and not through a crash", () => {
  const seen = inWorld(function* (world) {
    const { names } = world.network;
    const found: (string | undefined)[] = [];
    names.set("service.test", { addresses: ["10.0.0.8"], ttl: 5000 });
    const other = world.node("other", function* () {
      for (let i = 0; i < 4; i++) {
        found.push((yield* resolve("service.test"))[0]?.address);
        yield* sleep(2000);
      }
      yield* sleep(100_000);
    });
    yield* sleep(100);
    names.set("service.test", { addresses: ["10.0.0.9"], ttl: 5000 });
    names.fail("silence", { name: "other.test" });
    yield* sleep(7000);
    names.set("service.test", "10.0.0.7");
    other.restart(function* () {
      found.push((yield* resolve("service.test"))[0]?.address);
    });
    yield* other.ended();
    return found;
  });
  expect(seen).toEqual(["10.0.0.8", "10.0.0.8", "10.0.0.8", "10.0.0.9", "10.0.0.7"]);
});

test("a question that is given up is not answered", () => {
  const took = inWorld(function* (world) {
    world.network.names.fail("silence");
    const begun = now();
    yield* thrown(() => timeout(50, () => resolve("world")));
    yield* sleep(20_000);
    return now() - begun;
  });
  expect(took).toBe(20_050);
});

test("several addresses come in a drawn order where names are shuffled", () => {
  const first = (seed: number): unknown =>
    inWorld(
      function* (world) {
        const { names } = world.network;
        names.shuffles = true;
        names.set("service.test", ["10.0.0.7", "10.0.0.8", "10.0.0.9"]);
        return (yield* resolve4("service.test"))[0];
      },
      { seed },
    );
  expect(new Set(Array.from({ length: 20 }, (_, seed) => first(seed))).size).toBe(3);
});

test("of several addresses the one that answers is taken", () => {
  const seen = inWorld(function* (world) {
    world.node("dead", () => sleep(0), { address: "10.2.0.1" }).crash();
    const one = server(world, "server", echo, { address: "10.2.0.2" });
    world.network.names.set("service.test", ["10.2.0.1", "10.2.0.2", "fd00::9"]);
    yield* settle();
    const begun = now();
    const stream = use(yield* connect({ host: "service.test", port: 80 }));
    return [stream.remoteAddress?.host === one.address, Math.round(now() - begun)];
  });
  // The families take turns: the IPv6 address begins after 250 ms, fails at once, and then the second IPv4 address has its turn.
  expect(seen).toEqual([true, 251]);
});

test("the cause of a failed connect is that of its name", () => {
  const cause = inWorld(function* () {
    return causeOf((yield* thrown(() => connect({ host: "nobody.test", port: 80 }))).cause as Error);
  });
  expect(cause).toEqual({ code: "ENOTFOUND", syscall: "getaddrinfo", errno: -3008 });
});
