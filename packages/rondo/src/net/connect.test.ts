/**
 * Connecting: on a network of the test's own, in virtual time, where every moment can be arranged; and a few times on the
 * real one.
 */
import net from "node:net";
import { describe, expect, test } from "vitest";
import { leavesNothing } from "../../tests/leaks.ts";
import { inGroup, onEverySchedule, thrownBy } from "../../tests/virtual.ts";
import { group, moveOnAfter, now, run, sleep, TimeoutError, type VirtualHost } from "../index.ts";
import { interleaved } from "./connect.ts";
import {
  type Address,
  AddressRefusedError,
  ByteStream,
  connect,
  ConnectError,
  type ConnectOptions,
  connectUnix,
  type Endpoint,
  type Network,
  type ResolvedAddress,
  type Sink,
  type SystemError,
  type Transport,
} from "./index.ts";

/** What happens to an attempt: after so many ms it succeeds, or fails with a code. Never, where nothing is said. */
type Fate = { readonly after: number; readonly code?: string } | undefined;

class FakeTransport implements Transport {
  readonly label: string;
  readonly localAddress = undefined;
  readonly remoteAddress: Address;
  readonly outside = true;
  readonly unsent = 0;
  open_ = true;
  private sink: Sink | undefined;
  constructor(host: string) {
    this.label = `fake ${host}`;
    this.remoteAddress = { host, port: 80, family: host.includes(":") ? "IPv6" : "IPv4" };
  }
  open(sink: Sink): void {
    this.sink = sink;
  }
  resume(): void {}
  pause(): void {}
  send(): boolean {
    return true;
  }
  end(): void {}
  close(): void {
    this.abort();
  }
  abort(): void {
    this.open_ = false;
    queueMicrotask(() => this.sink?.closed(null));
  }
}

/** A network in which names and attempts do what the test says, and which knows what is open. */
class FakeNetwork {
  readonly names: Record<string, readonly string[]> = {};
  readonly fates: Record<string, Fate> = {};
  readonly begun: string[] = [];
  readonly withdrawn: string[] = [];
  readonly transports: FakeTransport[] = [];
  readonly localAddresses: (string | undefined)[] = [];
  underWay = 0;
  most = 0;
  private readonly host: VirtualHost;

  constructor(host: VirtualHost) {
    this.host = host;
    (host as { service?: (name: string) => unknown }).service = (name) =>
      name === "network" ? this.network : undefined;
  }

  get open(): string[] {
    return this.transports.filter((one) => one.open_).map((one) => one.remoteAddress.host);
  }

  /** Things happen as tasks of the loop do, so that virtual time knows of them. */
  pending: { at: number; act: () => void; gone: boolean }[] = [];

  private later(after: number, act: () => void): () => void {
    const entry = { at: this.host.now() + after, act, gone: false };
    this.pending.push(entry);
    return () => {
      entry.gone = true;
    };
  }

  /** Runs beside the test, and lets things happen at their time. */
  *pump() {
    for (;;) {
      const due = this.pending.filter((entry) => entry.at <= now());
      this.pending = this.pending.filter((entry) => entry.at > now());
      for (const entry of due) if (!entry.gone) entry.act();
      yield* sleep(1);
    }
  }

  readonly network: Network = {
    connect: (to: Endpoint, { localAddress }, done) => {
      const { host } = to as { host: string };
      this.begun.push(`${host} at ${this.host.now()}`);
      this.localAddresses.push(localAddress);
      this.underWay++;
      this.most = Math.max(this.most, this.underWay);
      const fate = this.fates[host];
      let over = false;
      const forget =
        fate === undefined
          ? () => {}
          : this.later(fate.after, () => {
              over = true;
              this.underWay--;
              if (fate.code !== undefined) {
                done(Object.assign(new Error(`connect ${fate.code}`), { code: fate.code }), null);
                return;
              }
              const transport = new FakeTransport(host);
              this.transports.push(transport);
              done(null, transport);
            });
      return () => {
        if (over) return;
        over = true;
        this.underWay--;
        this.withdrawn.push(host);
        forget();
      };
    },
    lookup: (name, done) =>
      this.later(5, () => {
        const found = this.names[name];
        if (found === undefined) done(Object.assign(new Error("no"), { code: "ENOTFOUND" }), []);
        else
          done(
            null,
            found.map((address) => ({ address, family: address.includes(":") ? 6 : 4 })),
          );
      }),
    listen: () => {
      throw new Error("not in this test");
    },
    bind: () => {
      throw new Error("not in this test");
    },
    query: () => {
      throw new Error("not in this test");
    },
  };
}

const OPTIONS: ConnectOptions = { host: "example", port: 80 };

/** A fake network beside which `body` runs, on every schedule. */
async function withFake(
  arrange: { names?: Record<string, readonly string[]>; fates: Record<string, Fate> },
  body: (fake: FakeNetwork) => Generator<any, void, any>,
): Promise<void> {
  await onEverySchedule(function* (g, host) {
    const fake = new FakeNetwork(host);
    Object.assign(fake.names, arrange.names);
    Object.assign(fake.fates, arrange.fates);
    g.spawn(fake.pump(), { daemon: true });
    yield* body(fake);
    expect(fake.underWay).toBe(0);
  });
}

describe("the addresses of a host", () => {
  test("are tried with the families in turns, beginning with the one that the system put first", () => {
    const of = (...addresses: string[]): ResolvedAddress[] =>
      addresses.map((address) => ({ address, family: address.includes(":") ? 6 : 4 }));
    expect(interleaved(of("::1", "::2", "::3", "1.1.1.1")).map((one) => one.address)).toEqual([
      "::1",
      "1.1.1.1",
      "::2",
      "::3",
    ]);
    expect(interleaved(of("1.1.1.1", "::1", "2.2.2.2", "::2")).map((one) => one.address)).toEqual([
      "1.1.1.1",
      "::1",
      "2.2.2.2",
      "::2",
    ]);
    expect(interleaved([])).toEqual([]);
  });

  test("are not looked up where the host is one", () =>
    withFake({ fates: { "1.2.3.4": { after: 10 } } }, function* (fake) {
      const stream = yield* connect({ host: "1.2.3.4", port: 80 });
      expect(stream).toBeInstanceOf(ByteStream);
      expect(fake.begun).toEqual(["1.2.3.4 at 0"]);
    }));

  test("of one family only are tried where that was asked for, or follows from the local address", () =>
    withFake({ names: { example: ["::1", "1.1.1.1", "::2"] }, fates: { "1.1.1.1": { after: 1 } } }, function* (fake) {
      yield* connect({ ...OPTIONS, family: 4 });
      yield* connect({ ...OPTIONS, localAddress: "10.0.0.1" });
      expect(fake.begun.map((one) => one.split(" ")[0])).toEqual(["1.1.1.1", "1.1.1.1"]);
      expect(fake.localAddresses).toEqual([undefined, "10.0.0.1"]);
      const error = yield* thrownBy(() => connect({ host: "1.1.1.1", port: 1, family: 6 }));
      expect((error as Error).message).toBe("connect to 1.1.1.1:1: 1.1.1.1 has no IPv6 address");
    }));
});

describe("the first that answers", () => {
  const names = { example: ["::1", "::2", "1.1.1.1", "2.2.2.2"] };

  test("is taken, and a new attempt begins every 250 ms until then", () =>
    withFake({ names, fates: { "::2": { after: 100 } } }, function* (fake) {
      const before = now();
      const stream = yield* connect(OPTIONS);
      expect(stream.remoteAddress?.host).toBe("::2");
      const starts = fake.begun.map((one) => Number(one.split(" at ")[1]) - Number(fake.begun[0]?.split(" at ")[1]));
      expect(fake.begun.map((one) => one.split(" ")[0])).toEqual(["::1", "1.1.1.1", "::2"]);
      expect(starts).toEqual([0, 250, 500]);
      expect(now() - before).toBeLessThan(610);
      expect(fake.withdrawn.toSorted()).toEqual(["1.1.1.1", "::1"]);
      expect(fake.open).toEqual(["::2"]);
    }));

  test("is tried at once where the one before it has failed", () =>
    withFake(
      { names, fates: { "::1": { after: 10, code: "ENETUNREACH" }, "1.1.1.1": { after: 10 } } },
      function* (fake) {
        const stream = yield* connect(OPTIONS);
        expect(stream.remoteAddress?.host).toBe("1.1.1.1");
        const [first, second] = fake.begun.map((one) => Number(one.split(" at ")[1]));
        expect((second as number) - (first as number)).toBeLessThanOrEqual(11);
      },
    ));

  test("may be one that began early and is slow", () =>
    withFake({ names, fates: { "::1": { after: 700 } } }, function* (fake) {
      const stream = yield* connect(OPTIONS);
      expect(stream.remoteAddress?.host).toBe("::1");
      expect(fake.begun.length).toBe(3);
      expect(fake.withdrawn.toSorted()).toEqual(["1.1.1.1", "::2"]);
    }));

  test("is one only: a second one of the same moment is closed", () =>
    withFake(
      { names: { example: ["::1", "1.1.1.1"] }, fates: { "::1": { after: 300 }, "1.1.1.1": { after: 50 } } },
      function* (fake) {
        const stream = yield* connect(OPTIONS);
        expect(fake.open).toEqual([stream.remoteAddress?.host]);
        // In the fake both answer in one callback of the world: then one of the two transports was made and closed.
        expect(fake.transports.length + fake.withdrawn.length).toBe(2);
      },
    ));

  test("is waited for while one of them is under way", () =>
    withFake(
      {
        names: { example: ["::1", "1.1.1.1"] },
        fates: { "::1": { after: 800 }, "1.1.1.1": { after: 10, code: "ECONNREFUSED" } },
      },
      function* () {
        const stream = yield* connect(OPTIONS);
        expect(stream.remoteAddress?.host).toBe("::1");
      },
    ));
});

describe("where nobody answers", () => {
  test("the error carries every attempt, in the order in which they began", () =>
    withFake(
      {
        names: { example: ["::1", "::2", "1.1.1.1"] },
        fates: {
          "::1": { after: 600, code: "ETIMEDOUT" },
          "1.1.1.1": { after: 10, code: "ECONNREFUSED" },
          "::2": { after: 10, code: "ENETUNREACH" },
        },
      },
      function* () {
        const error = (yield* thrownBy(() => connect(OPTIONS))) as ConnectError;
        expect(error).toBeInstanceOf(ConnectError);
        expect(error.attempts.map(({ address, port }) => `${address} ${port}`)).toEqual([
          "::1 80",
          "1.1.1.1 80",
          "::2 80",
        ]);
        expect(error.attempts.map(({ error: { message } }) => message)).toEqual([
          "[::1]:80: the peer has not answered for too long (ETIMEDOUT)",
          "1.1.1.1:80: nobody listens there (ECONNREFUSED)",
          "[::2]:80: there is no way to that network (ENETUNREACH)",
        ]);
        expect(error.message).toContain("none of 3 addresses");
        expect(error.cause).toBe(error.attempts[0]?.error);
      },
    ));

  test("of one address the message is that of the one attempt", () =>
    withFake({ fates: { "1.1.1.1": { after: 1, code: "ECONNREFUSED" } } }, function* () {
      const error = (yield* thrownBy(() => connect({ host: "1.1.1.1", port: 80 }))) as ConnectError;
      expect(error.message).toBe("connect to 1.1.1.1:80: nobody listens there (ECONNREFUSED)");
      expect(error.attempts).toHaveLength(1);
      expect((error.cause as SystemError).code).toBe("ECONNREFUSED");
    }));

  test("a name that does not exist is a failure without attempts", () =>
    withFake({ fates: {} }, function* () {
      const error = (yield* thrownBy(() => connect(OPTIONS))) as ConnectError;
      expect(error).toBeInstanceOf(ConnectError);
      expect(error.attempts).toEqual([]);
      expect(error.message).toBe("connect to example:80: there is no such name (ENOTFOUND)");
    }));

  test("a name without addresses is one too", () =>
    withFake({ names: { example: [] }, fates: {} }, function* () {
      const error = (yield* thrownBy(() => connect(OPTIONS))) as ConnectError;
      expect(error.message).toBe("connect to example:80: example has no address");
    }));
});

describe("an address that is refused", () => {
  const refuse = (address: string): string | undefined => (/^(127|10)\.|^::1$/.test(address) ? "not there" : undefined);
  const refusing = { ...OPTIONS, refuse };

  test("is not connected to, and the error says which it was and why", () =>
    withFake({ fates: { "127.0.0.1": { after: 1 } } }, function* (fake) {
      const error = (yield* thrownBy(() => connect({ ...refusing, host: "127.0.0.1" }))) as ConnectError;
      expect(error).toBeInstanceOf(ConnectError);
      expect(error.message).toBe("connect to 127.0.0.1:80: 127.0.0.1 is refused: not there");
      expect(error.cause).toBeInstanceOf(AddressRefusedError);
      expect(error.attempts).toMatchObject([
        { address: "127.0.0.1", port: 80, error: { address: "127.0.0.1", reason: "not there" } },
      ]);
      expect(fake.begun).toEqual([]);
    }));

  test("is passed over where others of the host are not, without waiting", () =>
    withFake(
      { names: { example: ["::1", "10.0.0.1", "1.1.1.1"] }, fates: { "1.1.1.1": { after: 10 }, "::1": { after: 0 } } },
      function* (fake) {
        const stream = yield* connect(refusing);
        expect(stream.remoteAddress?.host).toBe("1.1.1.1");
        expect(fake.begun.map((one) => one.split(" ")[0])).toEqual(["1.1.1.1"]);
        expect(Number(fake.begun[0]?.split(" at ")[1])).toBeLessThan(10);
      },
    ));

  test("is not connected to beside a slow one either: each attempt is asked about", () =>
    withFake(
      {
        names: { example: ["1.1.1.1", "::1", "2.2.2.2", "10.0.0.1"] },
        fates: { "1.1.1.1": { after: 900, code: "ETIMEDOUT" }, "2.2.2.2": { after: 10, code: "ECONNREFUSED" } },
      },
      function* (fake) {
        const error = (yield* thrownBy(() => connect(refusing))) as ConnectError;
        expect(fake.begun.map((one) => one.split(" ")[0])).toEqual(["1.1.1.1", "2.2.2.2"]);
        expect(error.attempts.map(({ address, error: { name } }) => `${address} ${name}`)).toEqual([
          "1.1.1.1 BrokenError",
          "::1 AddressRefusedError",
          "2.2.2.2 SystemError",
          "10.0.0.1 AddressRefusedError",
        ]);
      },
    ));

  test("is refused also where its name stood for another one a moment ago", () =>
    withFake({ names: { example: ["1.1.1.1"] }, fates: { "1.1.1.1": { after: 1 } } }, function* (fake) {
      yield* connect(refusing);
      fake.names["example"] = ["127.0.0.1"];
      const error = (yield* thrownBy(() => connect(refusing))) as ConnectError;
      expect(error.message).toBe("connect to example:80: 127.0.0.1 is refused: not there");
      expect(fake.begun.map((one) => one.split(" ")[0])).toEqual(["1.1.1.1"]);
    }));

  test.each(["127.0.0.01", "0127.0.0.1", "127.0.0.256", "2130706433", "127.1", "0x7f.0.0.1", "localhost."])(
    "is asked about as the system reads it, where it is written as %s",
    (host) =>
      withFake({ names: { [host]: ["127.0.0.1"] }, fates: { [host]: { after: 1 } } }, function* (fake) {
        const asked: string[] = [];
        const refuseAll = (address: string): string => (asked.push(address), "no");
        yield* thrownBy(() => connect({ ...OPTIONS, host, refuse: refuseAll }));
        expect(asked).toEqual(["127.0.0.1"]);
        expect(fake.begun).toEqual([]);
      }),
  );
});

describe("a connect that is left", () => {
  const names = { example: ["::1", "::2", "1.1.1.1", "2.2.2.2"] };

  test("by a timeout withdraws every attempt, and says what it was", () =>
    withFake({ names, fates: {} }, function* (fake) {
      const error = (yield* thrownBy(() => connect({ ...OPTIONS, timeout: 600 }))) as Error;
      expect(error).toBeInstanceOf(TimeoutError);
      expect(error.message).toBe("connect to example:80: not done within 600 ms");
      expect(fake.begun).toHaveLength(3);
      expect(fake.withdrawn).toHaveLength(3);
    }));

  test("at any moment leaves nothing open, and nothing is lost that was given", { tags: ["long"] }, async () => {
    for (let at = 0; at <= 40; at++) {
      await withFake(
        { names: { example: ["::1", "1.1.1.1"] }, fates: { "::1": { after: 20 }, "1.1.1.1": { after: 5 } } },
        function* (fake) {
          const outcome = yield* moveOnAfter(at, connect({ ...OPTIONS, attemptDelay: 15 }));
          expect(fake.open).toEqual(outcome.timedOut ? [] : [outcome.value.remoteAddress?.host]);
        },
      );
    }
  });

  test("while its winner's group still closes the losers closes the winner as well", () =>
    withFake({ names, fates: { "::1": { after: 20 } } }, function* (fake) {
      yield* group(function* (g) {
        const task = g.spawn(connect(OPTIONS));
        while (fake.transports.length === 0) yield* sleep(1);
        task.cancel();
        yield* task.ended();
        expect(fake.open).toEqual(task.state === "done" ? ["::1"] : []);
      });
    }));
});

describe("arguments", () => {
  test("that make no sense are refused at once", () => {
    expect(() => connect({ host: "", port: 1 })).toThrow(TypeError);
    expect(() => connect({ host: "a", port: 65_536 })).toThrow(RangeError);
    expect(() => connect({ host: "a", port: 1.5 })).toThrow(RangeError);
    expect(() => connect({ host: "a", port: 1, timeout: -1 })).toThrow(RangeError);
    expect(() => connect({ host: "a", port: 1, attemptDelay: NaN })).toThrow(RangeError);
    const address: object = { host: "127.0.0.1", port: 1, family: "IPv4" }; // what a listener says of itself
    expect(() => connect(address as ConnectOptions)).toThrow('connect() takes a family of 4 or 6, not "IPv4"');
  });

  test("a path has to be one", async () => {
    expect(await inGroup(() => thrownBy(() => connectUnix("")))).toBeInstanceOf(TypeError);
  });
});

describe("on the real network", () => {
  /** A server of Node's own. */
  async function withServer<T>(
    body: (port: number) => Promise<T>,
    onSocket?: (socket: net.Socket) => void,
  ): Promise<T> {
    const server = net.createServer((socket) => {
      socket.on("error", () => {});
      onSocket?.(socket);
    });
    await new Promise<void>((done) => void server.listen(0, "127.0.0.1", done));
    try {
      return await body((server.address() as net.AddressInfo).port);
    } finally {
      await new Promise((done) => void server.close(done));
    }
  }

  test("a stream knows both its ends, and says them in its label", () =>
    leavesNothing(() =>
      withServer(
        (port) =>
          run(function* () {
            const stream = yield* connect({ host: "127.0.0.1", port });
            expect(stream.remoteAddress).toEqual({ host: "127.0.0.1", port, family: "IPv4" });
            const local = stream.localAddress;
            expect(local?.host).toBe("127.0.0.1");
            expect(stream.label).toBe(`tcp 127.0.0.1:${local?.port} > 127.0.0.1:${port}`);
            yield* stream.close();
            // Still known when it is gone.
            expect(stream.localAddress).toEqual(local);
          }),
        (socket) => socket.resume().on("end", () => socket.end()),
      ),
    ));

  test("a local address is used", () =>
    leavesNothing(() =>
      withServer((port) =>
        run(function* () {
          const stream = yield* connect({ host: "127.0.0.1", port, localAddress: "127.0.0.5" });
          expect(stream.localAddress?.host).toBe("127.0.0.5");
          stream.abort();
          yield* stream.close();
        }),
      ),
    ));

  test("a port where nobody listens is refused, and the descriptor is back before it is told", () =>
    leavesNothing(async () => {
      const port = await withServer((free) => Promise.resolve(free));
      const error = (await run(() => thrownBy(() => connect({ host: "127.0.0.1", port })))) as ConnectError;
      expect(error.message).toBe(`connect to 127.0.0.1:${port}: nobody listens there (ECONNREFUSED)`);
      // A host with two addresses, or one: both are refused.
      const both = (await run(() => thrownBy(() => connect({ host: "localhost", port })))) as ConnectError;
      expect(both.attempts.length).toBeGreaterThan(0);
      for (const { error: reason } of both.attempts) expect((reason as SystemError).code).toBe("ECONNREFUSED");
    }));

  test("an address that cannot be reached is an error with the system's code", () =>
    leavesNothing(async () => {
      // A multicast address cannot be connected to.
      const error = (await run(() =>
        thrownBy(() => connect({ host: "224.0.0.1", port: 9, timeout: 5000 })),
      )) as ConnectError;
      expect(error).toBeInstanceOf(ConnectError);
      expect((error.cause as SystemError).code).toMatch(/^(ENETUNREACH|EHOSTUNREACH|EINVAL|EADDRNOTAVAIL|EACCES)$/);
    }));

  test("a connect that is cancelled while it connects gives its descriptor back", () =>
    leavesNothing(() =>
      run(function* () {
        // An address set aside for documentation (RFC 5737): nobody answers, or the system says so at once.
        const outcome = yield* moveOnAfter(20, () => thrownBy(() => connect({ host: "192.0.2.1", port: 9 })));
        if (!outcome.timedOut) expect(outcome.value).toBeInstanceOf(ConnectError);
      }),
    ));
});
