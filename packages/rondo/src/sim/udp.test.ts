/** Datagrams of a simulated network: they arrive whole, late, twice, in another order, or not at all. */
import { describe, expect, test } from "vitest";
import { causeOf, inWorld, settle, thrown } from "../../tests/sim-network.ts";
import { type Coroutine, group, type Operation, select, sleep, use } from "../index.ts";
import { udp, type UdpOptions, type UdpSocket, type SystemError } from "../net/index.ts";
import { simulate, type LinkSettings, type World } from "./index.ts";

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

/** A node that collects what comes to port 53. */
function collector(world: World, name: string, options: UdpOptions = {}): string[] {
  const got: string[] = [];
  world.node(name, function* () {
    const socket = use(yield* udp({ bind: { port: 53 }, ...options }));
    for (;;) got.push(text((yield* socket.receive()).data));
  });
  return got;
}

/** The numbers that arrive of so many, in the order in which they do. */
function arrivals(settings: Partial<LinkSettings>, count: number, seed: number): number[] {
  return inWorld(
    function* (world) {
      const got = collector(world, "server");
      yield* settle();
      world.network.link("world", "server").set(settings);
      const socket = use(yield* udp());
      const to = { host: world.nodes[0]?.address as string, port: 53 };
      for (let i = 0; i < count; i++) {
        yield* socket.send(String(i), to);
        yield* sleep(1);
      }
      yield* sleep(1000);
      return got.map(Number);
    },
    { seed },
  );
}

const inOrder = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

describe("datagrams", () => {
  test("arrive in order on a good link, and say where they come from", () => {
    expect(arrivals({}, 20, 1)).toEqual(inOrder(20));
    const from = inWorld(function* (world) {
      const other = world.node("other", function* () {
        const socket = use(yield* udp({ bind: { port: 53 } }));
        const { data, from: sender } = yield* socket.receive();
        yield* socket.send(data, sender);
        return sender;
      });
      yield* settle();
      const socket = use(yield* udp());
      yield* socket.send("ping", { host: other.address, port: 53 });
      const { data, from: answerer } = yield* socket.receive();
      return [text(data), answerer, socket.address, (yield* other.ended()).value];
    });
    expect(from).toEqual([
      "ping",
      { host: "10.0.0.1", port: 53, family: "IPv4" },
      { host: "0.0.0.0", port: 32_768, family: "IPv4" },
      { host: "10.255.255.254", port: 32_768, family: "IPv4" },
    ]);
  });

  test("are lost", () => {
    const got = arrivals({ loss: 0.3 }, 300, 2);
    expect(got.length).toBeGreaterThan(170);
    expect(got.length).toBeLessThan(250);
    expect(got).toEqual(got.toSorted((a, b) => a - b));
  });

  test("come twice", () => {
    const got = arrivals({ duplicate: 0.5 }, 100, 2);
    expect(got.length).toBeGreaterThan(130);
    expect(new Set(got).size).toBe(100);
  });

  test("overtake each other", () => {
    for (const settings of [{ reorder: 0.3 }, { jitter: 10 }]) {
      const got = arrivals(settings, 100, 3);
      expect(got).not.toEqual(inOrder(100));
      expect(got.toSorted((a, b) => a - b)).toEqual(inOrder(100));
    }
  });

  test("are whole, whatever the link does to streams, and have a greatest size", () => {
    const seen = inWorld(function* (world) {
      world.network.defaults = { slices: true, mss: 1 };
      const got = collector(world, "server");
      yield* settle();
      const socket = use(yield* udp());
      const to = { host: world.nodes[0]?.address as string, port: 53 };
      yield* socket.send("a".repeat(65_507), to);
      yield* socket.send("", to);
      yield* sleep(10);
      const error = (yield* thrown(() => socket.send("a".repeat(65_508), to))) as SystemError;
      return [got.map(({ length }) => length), error.code];
    });
    expect(seen).toEqual([[65_507, 0], "EMSGSIZE"]);
  });

  test("are not held up by a cut, but lost; by a clog they are held", () => {
    const got = inWorld(function* (world) {
      const received = collector(world, "server");
      yield* settle();
      const socket = use(yield* udp());
      const send = (word: string): Operation<void> =>
        socket.send(word, { host: world.nodes[0]?.address as string, port: 53 });
      world.network.cut("world", "server");
      yield* send("cut");
      yield* sleep(1000);
      world.network.healAll();
      world.network.clog("world", "server");
      yield* send("clogged");
      yield* sleep(1000);
      const before = received.length;
      world.network.healAll();
      yield* send("free");
      yield* sleep(10);
      return [before, ...received];
    });
    expect(got).toEqual([0, "clogged", "free"]);
  });

  test("to a computer that has crashed, to none, and to nobody are gone without a word", () => {
    inWorld(function* (world) {
      const one = world.node("server", () => sleep(100));
      yield* settle();
      const socket = use(yield* udp());
      yield* socket.send("nobody listens", { host: one.address, port: 53 });
      one.crash();
      yield* socket.send("nobody is there", { host: one.address, port: 53 });
      yield* socket.send("nowhere", { host: "10.9.9.9", port: 53 });
      const first = yield* select({ got: socket.receive(), nothing: sleep(1000) });
      expect(first.key).toBe("nothing");
    });
  });
});

describe("a socket", () => {
  test("that is connected is told where nobody listens, and hears nobody else", () => {
    const seen = inWorld(function* (world) {
      const one = world.node("server", function* () {
        yield* sleep(100);
        const socket = use(yield* udp({ bind: { port: 53 } }));
        const { data, from } = yield* socket.receive();
        yield* use(yield* udp()).send("from a stranger", from);
        yield* socket.send(data, from);
        yield* sleep(10);
      });
      const socket = use(yield* udp());
      yield* socket.connect({ host: one.address, port: 53 });
      yield* socket.send("too early");
      const error = yield* thrown(() => socket.receive());
      yield* sleep(200);
      yield* socket.send("now");
      return [causeOf(error), text((yield* socket.receive()).data), (error as SystemError).code];
    });
    expect(seen).toEqual([{ code: "ECONNREFUSED", syscall: "recvmsg", errno: -111 }, "now", "ECONNREFUSED"]);
  });

  test("has a port for itself, unless it shares it", () => {
    const codes = inWorld(function* () {
      const tried: string[] = [];
      const open = function* (options: UdpOptions): Coroutine<void> {
        try {
          use(yield* udp(options));
          tried.push("opens");
        } catch (error) {
          tried.push((error as SystemError).code);
        }
      };
      yield* open({ bind: { port: 53 } });
      yield* open({ bind: { port: 53 } });
      yield* open({ bind: { host: "127.0.0.1", port: 53 } });
      yield* open({ bind: { host: "10.0.0.200", port: 54 } });
      yield* open({ bind: { port: 55 }, reuseAddress: true });
      yield* open({ bind: { port: 55 }, reuseAddress: true });
      yield* open({ bind: { port: 0 } });
      return tried;
    });
    expect(codes).toEqual(["opens", "EADDRINUSE", "EADDRINUSE", "EADDRNOTAVAIL", "opens", "opens", "opens"]);
  });

  test("for IPv6 reaches IPv4 as well, and not the other way round", () => {
    const seen = inWorld(function* (world) {
      const got = collector(world, "server");
      yield* settle();
      const six = use(yield* udp({ bind: { host: "::" } }));
      const four = use(yield* udp());
      const host = world.nodes[0]?.address as string;
      yield* six.send("mapped", { host: `::ffff:${host}`, port: 53 });
      yield* six.send("plain", { host, port: 53 });
      const codes = [];
      for (const [socket, to] of [
        [four, "::1"],
        [six, "fd00::7"],
      ] as const)
        codes.push(((yield* thrown(() => socket.send("x", { host: to, port: 53 }))) as SystemError).code);
      yield* sleep(10);
      return [...got, ...codes];
    });
    expect(seen).toEqual(["mapped", "plain", "EINVAL", "ENETUNREACH"]);
  });

  test("reaches everybody by broadcast where that was allowed, and a group that others have joined", () => {
    const seen = inWorld(function* (world) {
      const got: string[] = [];
      const member = (name: string, joins: boolean): void => {
        world.node(name, function* () {
          const socket = use(yield* udp({ bind: { port: 53 }, reuseAddress: true }));
          if (joins) socket.join("224.0.0.9");
          for (;;) got.push(`${name}: ${text((yield* socket.receive()).data)}`);
        });
      };
      member("a", true);
      member("b", false);
      member("c", true);
      yield* settle();
      const socket: UdpSocket = use(yield* udp());
      const error = yield* thrown(() => socket.send("all", { host: "255.255.255.255", port: 53 }));
      socket.configure({ broadcast: true });
      yield* socket.send("all", { host: "255.255.255.255", port: 53 });
      yield* sleep(10);
      yield* socket.send("members", { host: "224.0.0.9", port: 53 });
      yield* sleep(10);
      return [(error as SystemError).code, ...got];
    });
    expect(seen).toEqual(["EACCES", "a: all", "b: all", "c: all", "a: members", "c: members"]);
  });

  test("refuses what makes no sense with the codes of the system", () => {
    const codes = inWorld(function* () {
      const socket = use(yield* udp());
      const tried: string[] = [];
      for (const act of [
        () => socket.join("10.0.0.1"),
        () => socket.leave("224.0.0.9"),
        () => socket.configure({ ttl: 0 }),
        () => socket.configure({ multicastTtl: 256 }),
      ]) {
        try {
          act();
        } catch (error) {
          tried.push((error as SystemError).code);
        }
      }
      return tried;
    });
    expect(codes).toEqual(["EINVAL", "EADDRNOTAVAIL", "EINVAL", "EINVAL"]);
  });

  test("that is left open is named", () => {
    const run = simulate({}, () => udp({ bind: { port: 53 } }));
    expect(String(run.error)).toContain("left behind: udp 0.0.0.0:53");
  });

  test("of a crashed program hears nothing, and its port is free for the next one", () => {
    const got = inWorld(function* (world) {
      const received = collector(world, "server");
      yield* settle();
      const [one] = world.nodes;
      yield* group(function* () {
        const socket = use(yield* udp());
        const to = { host: one?.address as string, port: 53 };
        yield* socket.send("before", to);
        yield* sleep(10);
        one?.crash();
        yield* socket.send("lost", to);
        yield* sleep(10);
        one?.restart();
        yield* settle();
        yield* socket.send("after", to);
        yield* sleep(10);
      });
      return received;
    });
    expect(got).toEqual(["before", "after"]);
  });
});
