/** How connections of the simulated network come about, carry bytes and end; each failure with the code that Node gives. */
import { describe, expect, test } from "vitest";
import { causeOf, echo, failure, inWorld, QUIET, server, settle, thrown } from "../../tests/sim-network.ts";
import { BrokenError, type Coroutine, group, now, sleep, timeout, use } from "../index.ts";
import { connect, listen, type ListenAt, serve, type SystemError } from "../net/index.ts";
import { type SimNode, simulate } from "./index.ts";

describe("a handshake", () => {
  test("takes a round trip, and the server has the connection half a trip later", () => {
    const times = inWorld(function* (world) {
      world.network.link(
        "world",
        world.node("server", () => sleep(100_000)),
      ).latency = 10;
      let accepted = 0;
      const one = world.node("one", function* () {
        const listener = use(yield* listen({ port: 80 }));
        const stream = yield* listener.accept();
        accepted = now();
        yield* stream.close();
      });
      world.network.link("world", one).latency = 10;
      yield* settle();
      const begun = now();
      const stream = yield* connect({ host: one.address, port: 80 });
      const connected = now() - begun;
      yield* stream.read();
      yield* stream.close();
      return [connected, accepted - begun];
    });
    expect(times).toEqual([20, 30].map((ms) => expect.closeTo(ms)));
  });

  test("both ends know the addresses of both", () => {
    const seen = inWorld(function* (world) {
      const labels: unknown[] = [];
      server(
        world,
        "server",
        function* (stream) {
          labels.push(stream.label, stream.localAddress, stream.remoteAddress);
          yield* stream.read();
        },
        { address: "10.1.0.1" },
      );
      yield* settle();
      const stream = yield* connect({ host: "10.1.0.1", port: 80 });
      labels.push(stream.label, stream.localAddress, stream.remoteAddress);
      yield* settle();
      yield* stream.close();
      return labels;
    });
    const client = { host: "10.255.255.254", port: 32_768, family: "IPv4" };
    const host = { host: "10.1.0.1", port: 80, family: "IPv4" };
    expect(seen).toEqual([
      "tcp 10.255.255.254:32768 > 10.1.0.1:80",
      client,
      host,
      "tcp 10.1.0.1:80 > 10.255.255.254:32768",
      host,
      client,
    ]);
  });

  test("where nobody listens on a computer that is up it is refused after a round trip", () => {
    const result = inWorld(function* (world) {
      world.node("server", () => sleep(10_000));
      return yield* failure({ host: "server", port: 80 });
    });
    expect(result).toEqual({
      code: "ECONNREFUSED",
      took: 1.2, // with the name
      message: "connect to server:80: nobody listens there (ECONNREFUSED)",
    });
  });

  test("is refused by a computer whose program has ended, and by itself where nobody listens", () => {
    const codes = inWorld(function* (world) {
      const ended = world.node("ended", () => sleep(0));
      yield* ended.ended();
      const one = yield* failure({ host: "ended", port: 80 });
      const other = yield* failure({ host: "127.0.0.1", port: 80 });
      return [one.code, other.code, other.took];
    });
    expect(codes).toEqual(["ECONNREFUSED", "ECONNREFUSED", expect.closeTo(0.04)]);
  });

  test("with a computer that has crashed is given up after two minutes", () => {
    const result = inWorld(function* (world) {
      world.node("server", () => sleep(10_000)).crash();
      return yield* failure({ host: world.nodes[0]?.address as string, port: 80 });
    });
    // 1 + 2 + 4 + 8 + 16 + 32 + 64 seconds.
    expect([result.code, result.took]).toEqual(["ETIMEDOUT", 127_000]);
  });

  test("to an address that nobody has, and into a family that one does not speak, there is no way", () => {
    const results = inWorld(function* (world) {
      world.node("six", () => sleep(100_000), { address: "fd00::1" });
      return [
        yield* failure({ host: "10.9.9.9", port: 80 }),
        yield* failure({ host: "six", port: 80 }),
        yield* failure({ host: "fd00::2", port: 80 }),
      ];
    });
    expect(results.map(({ code, took }) => [code, took])).toEqual([
      ["EHOSTUNREACH", 3000],
      ["ENETUNREACH", expect.closeTo(0.2)],
      ["ENETUNREACH", 0],
    ]);
  });

  test("of which a packet is lost comes about a second later", () => {
    const took = inWorld(function* (world) {
      const one = server(world, "server", echo);
      yield* settle();
      world.network.cut("world", one, { oneWay: true });
      return yield* group(function* (g) {
        g.spawn(function* () {
          yield* sleep(500);
          world.network.healAll();
        });
        return yield* failure({ host: one.address, port: 80 });
      });
    });
    expect([took.message, took.took]).toEqual(["connected", 1001]);
  });

  test("is not answered while the queue of the listener is full, and comes about when there is room", () => {
    const times = inWorld(function* (world) {
      // The listener holds one and pauses; its system holds two; the fourth is not heard.
      const one = world.node("server", function* () {
        const listener = use(yield* listen({ port: 80, backlog: 1 }));
        yield* sleep(5000);
        for (let i = 0; i < 4; i++) yield* (yield* listener.accept()).close();
      });
      yield* settle();
      return yield* group(function* (g) {
        const calls = [];
        for (let i = 0; i < 4; i++) {
          calls.push(g.spawn(() => failure({ host: one.address, port: 80 })));
          yield* sleep(10);
        }
        const took = [];
        for (const call of calls) took.push((yield* call).took);
        return took;
      });
    });
    expect(times).toEqual([1, 1, 1, 7001]);
  });

  test("that is given up half way leaves nothing, on neither side", () => {
    const held = inWorld(function* (world) {
      const counts: number[] = [];
      for (const patience of [0.3, 0.7, 0.9]) {
        const one = server(world, `server ${patience}`, function* (stream) {
          counts.push(patience);
          yield* stream.read();
        });
        yield* settle();
        yield* thrown(() =>
          timeout(patience, function* () {
            yield* connect({ host: one.address, port: 80 });
            yield* sleep(1000);
          }),
        );
        yield* sleep(100);
      }
      return [world.network.held(world.nodes[0] as SimNode).length, counts];
    });
    expect(held).toEqual([1, []]);
  });
});

test("a handshake goes on with a server that has crashed in the middle and is back", () => {
  const took = inWorld(function* (world) {
    const one = server(world, "server", echo);
    yield* settle();
    world.network.cut(one, "world", { oneWay: true });
    return yield* group(function* (g) {
      g.spawn(function* () {
        yield* sleep(100);
        one.restart();
        world.network.healAll();
      });
      const begun = now();
      const stream = use(yield* connect({ host: one.address, port: 80 }));
      const connected = now() - begun;
      yield* stream.write("hello");
      return [connected, (yield* stream.readExactly(5))?.length];
    });
  });
  expect(took).toEqual([1001, 5]);
});

test("attempts can be fewer, so that a failure comes sooner", () => {
  const seen = inWorld(
    function* (world) {
      const one = server(world, "server", echo);
      yield* settle();
      const stream = use(yield* connect({ host: one.address, port: 80 }));
      yield* settle();
      one.crash();
      const { code, took } = yield* failure({ host: one.address, port: 80 });
      const begun = now();
      yield* stream.write("hello?");
      yield* thrown(() => stream.read());
      return [code, took, now() - begun];
    },
    { network: { faults: "none", retries: 2, connectRetries: 1 } },
  );
  expect(seen).toEqual(["ETIMEDOUT", 3000, expect.closeTo(202 + 404 + 808 + 0.5)]);
});

describe("ports", () => {
  test("one listener to a port and address, unless they share it", () => {
    const codes = inWorld(function* () {
      const tried: unknown[] = [];
      const open = function* (at: ListenAt): Coroutine<void> {
        try {
          use(yield* listen(at));
          tried.push("listens");
        } catch (error) {
          tried.push((error as SystemError).code);
        }
      };
      yield* open({ host: "127.0.0.1", port: 80 });
      yield* open({ host: "127.0.0.1", port: 80 });
      yield* open({ host: "10.255.255.254", port: 80 });
      yield* open({ port: 80 });
      yield* open({ host: "::", port: 80, ipv6Only: true });
      yield* open({ host: "0.0.0.0", port: 81 });
      yield* open({ host: "::1", port: 81 });
      yield* open({ port: 81 });
      yield* open({ port: 82, reusePort: true });
      yield* open({ port: 82, reusePort: true });
      yield* open({ port: 82 });
      yield* open({ host: "10.0.0.77", port: 83 });
      return tried;
    });
    const taken = "EADDRINUSE";
    expect(codes).toEqual([
      "listens",
      taken,
      "listens",
      taken,
      "listens",
      "listens",
      "listens",
      taken,
      "listens",
      "listens",
      taken,
      "EADDRNOTAVAIL",
    ]);
  });

  test("an error to listen is the one of Node", () => {
    const error = inWorld(function* () {
      use(yield* listen({ host: "127.0.0.1", port: 80 }));
      return yield* thrown(() => listen({ host: "127.0.0.1", port: 80 }));
    });
    expect(error.message).toBe("listen on tcp 127.0.0.1:80: the address is in use already (EADDRINUSE)");
    expect(error.cause).toMatchObject({
      message: "listen EADDRINUSE: address already in use 127.0.0.1:80",
      code: "EADDRINUSE",
      errno: -98,
      syscall: "listen",
      address: "127.0.0.1",
      port: 80,
    });
  });

  test("0 is one that is free, and a port can be had again after a close", () => {
    const ports = inWorld(function* () {
      const one = yield* listen({ port: 0 });
      const other = yield* listen({ port: 0 });
      const { port } = one.address;
      const differ = port !== other.address.port && port > 0;
      one.close();
      const again = yield* listen({ port });
      again.close();
      other.close();
      return [differ, one.address.family];
    });
    expect(ports).toEqual([true, "IPv6"]);
  });

  test("each connection has a port of its own, and one may say from which address", () => {
    const seen = inWorld(function* (world) {
      const one = server(world, "server", echo);
      const many = world.node(
        "many",
        function* () {
          yield* settle();
          const from = [];
          for (let i = 0; i < 2; i++) from.push(use(yield* connect({ host: "server", port: 80 })));
          from.push(use(yield* connect({ host: "server", port: 80, localAddress: "10.7.0.2" })));
          const wrong = yield* failure({ host: one.address, port: 80, localAddress: "10.7.0.3" });
          return [...from.map(({ localAddress }) => `${localAddress?.host}:${localAddress?.port}`), wrong.code];
        },
        { address: ["10.7.0.1", "10.7.0.2"] },
      );
      return (yield* many.ended()).value;
    });
    expect(seen).toEqual(["10.7.0.1:32768", "10.7.0.1:32769", "10.7.0.2:32770", "EADDRNOTAVAIL"]);
  });

  test("listeners that share a port share the connections, as is drawn", () => {
    const shares = (seed: number): unknown =>
      inWorld(
        function* (world) {
          const counts = [0, 0];
          const one = world.node("server", () =>
            group(function* (g) {
              for (const i of [0, 1]) {
                const listener = yield* listen({ port: 80, reusePort: true });
                g.spawn(
                  serve(listener, function* () {
                    counts[i] = (counts[i] as number) + 1;
                  }),
                );
              }
            }),
          );
          yield* settle();
          for (let i = 0; i < 40; i++) yield* (yield* connect({ host: one.address, port: 80 })).close();
          return counts;
        },
        { seed },
      );
    const [a, b] = shares(1) as [number, number];
    expect(Math.min(a, b)).toBeGreaterThan(5);
    expect(shares(1)).toEqual([a, b]);
  });

  test("on one computer programs reach each other by loopback, and others do not reach what listens there", () => {
    const result = inWorld(function* (world) {
      const one = server(world, "server", echo, { host: "127.0.0.1" });
      const listener = use(yield* listen({ host: "127.0.0.1", port: 9 }));
      const stream = use(yield* connect({ host: "localhost", port: 9 }));
      use(yield* listener.accept());
      yield* settle();
      return [stream.remoteAddress?.host, (yield* failure({ host: one.address, port: 80 })).code];
    });
    expect(result).toEqual(["127.0.0.1", "ECONNREFUSED"]);
  });
});

describe("bytes", () => {
  test("are taken without a wait until the window and the sender's buffer are full, and then as the peer reads", () => {
    const result = inWorld(function* (world) {
      world.network.defaults = { window: 1000, sendBuffer: 3000 };
      let reads = 0;
      const one = server(world, "server", function* (stream) {
        yield* sleep(10_000);
        for (;;) {
          const chunk = yield* stream.read();
          if (chunk === undefined) return;
          reads += chunk.length;
        }
      });
      yield* settle();
      const stream = yield* connect({ host: one.address, port: 80 });
      const begun = now();
      let taken = 0;
      while (stream.tryWrite(new Uint8Array(100)) && stream.statistics().unsent === 0) taken += 100;
      yield* stream.write(new Uint8Array(100_000));
      const blocked = now() - begun;
      yield* stream.close();
      yield* sleep(1000);
      return [taken, blocked > 9000, reads];
    });
    expect(result).toEqual([3000, true, 103_100]);
  });

  test("that are written are copied: neither side sees what the other one changes", () => {
    const seen = inWorld(function* (world) {
      const one = server(world, "server", function* (stream) {
        const bytes = (yield* stream.read()) as Uint8Array;
        bytes.fill(0);
        yield* sleep(10);
      });
      yield* settle();
      const stream = use(yield* connect({ host: one.address, port: 80 }));
      const mine = new Uint8Array([1, 2, 3]);
      yield* stream.write(mine);
      yield* sleep(5);
      return [...mine];
    });
    expect(seen).toEqual([1, 2, 3]);
  });

  test("that arrive together are read together", () => {
    const sizes = inWorld(function* (world) {
      const got: number[] = [];
      const one = server(world, "server", function* (stream) {
        for (let chunk = yield* stream.read(); chunk !== undefined; chunk = yield* stream.read())
          got.push(chunk.length);
      });
      yield* settle();
      const stream = yield* connect({ host: one.address, port: 80 });
      yield* stream.write("ab");
      yield* stream.write("c");
      yield* stream.write(new Uint8Array(10_000));
      yield* sleep(10);
      yield* stream.write("later");
      yield* stream.close();
      yield* sleep(10);
      return got;
    });
    expect(sizes).toEqual([10_003, 5]);
  });
});

describe("the end of a connection", () => {
  test("an abort resets the peer, behind what was on its way", () => {
    const result = inWorld(function* (world) {
      let got: unknown[] = [];
      const one = server(world, "server", function* (stream) {
        yield* stream.write("the last word");
        stream.abort();
      });
      yield* settle();
      const stream = yield* connect({ host: one.address, port: 80 });
      got = [String.fromCharCode(...((yield* stream.readExactly(13)) ?? []))];
      const error = yield* thrown(() => stream.read());
      yield* stream.close();
      return [...got, error instanceof BrokenError, error.message.replace(/^.*: /, ""), causeOf(error)];
    });
    expect(result).toEqual([
      "the last word",
      true,
      "the peer has reset the connection (ECONNRESET)",
      { code: "ECONNRESET", syscall: "read", errno: -104 },
    ]);
  });

  test("an abort is not noticed by whoever has not looked at the connection, until they do", () => {
    const seen = inWorld(function* (world) {
      const found: unknown[] = [];
      const one = server(world, "server", function* (stream) {
        yield* sleep(100);
        found.push(stream.statistics().state, (yield* stream.readExactly(5))?.length);
        found.push(causeOf(yield* thrown(() => stream.read())));
      });
      server(world, "writer", function* (stream) {
        yield* sleep(100);
        yield* stream.write("hello");
        found.push((yield* stream.readExactly(5))?.length, causeOf(yield* thrown(() => stream.read())));
      });
      yield* settle();
      for (const host of [one.address, world.nodes[1]?.address as string]) {
        const stream = yield* connect({ host, port: 80 });
        yield* stream.write("bytes");
        yield* settle();
        stream.abort();
      }
      yield* sleep(1000);
      return found;
    });
    expect(seen).toEqual([
      "open",
      5,
      { code: "ECONNRESET", syscall: "read", errno: -104 },
      5,
      { code: "EPIPE", syscall: "write", errno: -32 },
    ]);
  });

  test("what is written to a peer that has closed is answered by a reset", () => {
    const result = inWorld(function* (world) {
      const one = server(world, "server", function* (stream) {
        yield* stream.close();
      });
      yield* settle();
      const stream = use(yield* connect({ host: one.address, port: 80 }));
      const end = yield* stream.read();
      yield* stream.write("first");
      yield* settle();
      const error = yield* thrown(() => stream.write("second"));
      return [end, causeOf(error)];
    });
    expect(result).toEqual([undefined, { code: "EPIPE", syscall: "write", errno: -32 }]);
  });

  test("a close with bytes that nobody has read is a reset, behind the end", () => {
    const seen = inWorld(function* (world) {
      const one = server(world, "server", function* (stream) {
        yield* sleep(5); // it never looks at what came
        yield* stream.close();
      });
      yield* settle();
      const stream = use(yield* connect({ host: one.address, port: 80 }));
      yield* stream.write("nobody reads this");
      const end = yield* stream.read();
      return [end, causeOf(yield* thrown(() => stream.write("more")))];
    });
    expect(seen).toEqual([undefined, { code: "EPIPE", syscall: "write", errno: -32 }]);
  });

  test("an abort after an end resets nobody: everything had been said", () => {
    const seen = inWorld(function* (world) {
      const found: unknown[] = [];
      const one = server(world, "server", function* (stream) {
        for (let i = 0; i < 2; i++) found.push((yield* stream.read())?.length);
      });
      yield* settle();
      const stream = yield* connect({ host: one.address, port: 80 });
      yield* stream.write("all of it");
      yield* stream.end();
      stream.abort();
      yield* sleep(100);
      return found;
    });
    expect(seen).toEqual([9, undefined]);
  });

  test("one direction ends, and the other goes on for as long as it likes", () => {
    const text = inWorld(function* (world) {
      const one = server(world, "server", function* (stream) {
        while ((yield* stream.read()) !== undefined);
        yield* sleep(100_000);
        yield* stream.write("the answer");
      });
      yield* settle();
      const stream = yield* connect({ host: one.address, port: 80 });
      yield* stream.write("question");
      yield* stream.end();
      const answer = yield* stream.readExactly(10);
      const end = yield* stream.read();
      yield* stream.close();
      return [String.fromCharCode(...(answer ?? [])), end];
    });
    expect(text).toEqual(["the answer", undefined]);
  });

  test("of a program that ends is that of its sockets", () => {
    const result = inWorld(function* (world) {
      const one = world.node(
        "server",
        function* () {
          const listener = yield* listen({ port: 80 });
          const stream = yield* listener.accept();
          yield* stream.write("goodbye");
          throw new Error("it has had enough"); // and closes nothing
        },
        { onFailure: "keep" },
      );
      yield* settle();
      const stream = yield* connect({ host: one.address, port: 80 });
      const word = yield* stream.readExactly(7);
      const end = yield* stream.read();
      yield* stream.close();
      const again = yield* failure({ host: one.address, port: 80 });
      return [String.fromCharCode(...(word ?? [])), end, again.code];
    });
    expect(result).toEqual(["goodbye", undefined, "ECONNREFUSED"]);
  });
});

describe("a crash", () => {
  test("is not heard by whoever only reads", () => {
    const run = simulate(QUIET, function* (world) {
      const one = server(world, "server", echo);
      yield* settle();
      const stream = use(yield* connect({ host: one.address, port: 80 }));
      yield* stream.write("a");
      yield* stream.read();
      one.crash();
      yield* stream.read();
    });
    expect(String(run.error)).toContain("nothing can happen any more");
  });

  test("is noticed by whoever writes, after a quarter of an hour", () => {
    const result = inWorld(function* (world) {
      const one = server(world, "server", echo);
      yield* settle();
      const stream = use(yield* connect({ host: one.address, port: 80 }));
      one.crash();
      const begun = now();
      yield* stream.write("hello?");
      const error = yield* thrown(() => stream.read());
      return [Math.round((now() - begun) / 1000), causeOf(error), world.network.statistics().retransmitted];
    });
    expect(result).toEqual([927, { code: "ETIMEDOUT", syscall: "read", errno: -110 }, 16]);
  });

  test("is noticed by a writer whose peer did not read, too", () => {
    const result = inWorld(function* (world) {
      const one = server(world, "server", () => sleep(10_000_000));
      yield* settle();
      const stream = use(yield* connect({ host: one.address, port: 80 }));
      return yield* group(function* (g) {
        const writer = g.spawn(() => thrown(() => stream.write(new Uint8Array(1_000_000))));
        yield* sleep(1000);
        one.crash();
        return causeOf(yield* writer);
      });
    });
    expect(result).toMatchObject({ code: "ETIMEDOUT" });
  });

  test("and a restart: what is written then is answered by a reset", () => {
    const result = inWorld(function* (world) {
      const one = server(world, "server", echo);
      yield* settle();
      const stream = use(yield* connect({ host: one.address, port: 80 }));
      const idle = use(yield* connect({ host: one.address, port: 80 }));
      yield* settle();
      one.crash();
      yield* stream.write("is anybody there?");
      yield* sleep(150);
      one.restart();
      const begun = now();
      const error = yield* thrown(() => stream.read());
      const took = now() - begun;
      yield* idle.write("and now?");
      const other = yield* thrown(() => idle.read());
      const again = use(yield* connect({ host: one.address, port: 80 }));
      yield* again.write("new");
      return [causeOf(error), took < 1000, causeOf(other), (yield* again.read())?.length];
    });
    const reset = { code: "ECONNRESET", syscall: "read", errno: -104 };
    expect(result).toEqual([reset, true, reset, 3]);
  });

  test("of the one who has sent something does not take back what is on its way", () => {
    const got = inWorld(function* (world) {
      let text = "";
      server(world, "server", function* (stream) {
        for (;;) text += String.fromCharCode(...((yield* stream.read()) ?? []));
      });
      yield* settle();
      const client = world.node("client", function* () {
        const stream = yield* connect({ host: world.nodes[0]?.address as string, port: 80 });
        yield* stream.write("sent");
        // What is lost before the crash is never sent again.
        world.network.cut("client", "server");
        yield* stream.write("lost");
        world.network.healAll();
        yield* sleep(1000);
      });
      yield* sleep(1.2);
      client.crash();
      yield* sleep(1000);
      return text;
    });
    expect(got).toBe("sent");
  });
});
