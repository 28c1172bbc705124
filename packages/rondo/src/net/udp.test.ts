/** Datagrams on the real host, over the loopback. */
import { describe, expect, test } from "vitest";
import { leavesNothing } from "../../tests/leaks.ts";
import { inGroup, thrownBy } from "../../tests/virtual.ts";
import { ClosedError, group, type Operation, run, select, sleep } from "../index.ts";
import { type SystemError, udp, type UdpSocket } from "./index.ts";

const really = <T>(body: () => Operation<T>): Promise<T> => leavesNothing(() => run(body));
const text = (data: Uint8Array): string => Buffer.from(data).toString();
const LOCAL = { bind: { host: "127.0.0.1", port: 0 } };

/** Waits until so many datagrams have come, received or not. */
function* come(socket: UdpSocket, count: number): Generator<any, void, any> {
  while (socket.statistics().received < count) yield* sleep(1);
}

describe("a datagram", () => {
  test("arrives whole, with the address of who sent it", () =>
    really(function* () {
      const [a, b] = [yield* udp(LOCAL), yield* udp(LOCAL)];
      yield* a.send("one", b.address);
      yield* a.send(new Uint8Array([1, 2, 3]), b.address);
      yield* a.send("", b.address);
      const first = yield* b.receive();
      expect([text(first.data), first.from]).toEqual(["one", a.address]);
      expect([...(yield* b.receive()).data]).toEqual([1, 2, 3]);
      expect((yield* b.receive()).data.length).toBe(0);
      expect(a.statistics()).toMatchObject({ sent: 3, received: 0 });
      expect(b.statistics()).toMatchObject({ received: 3, waiting: 0, dropped: 0 });
      a.close();
      b.close();
    }));

  test("that nobody waits for is kept, up to a bound, and what is beyond it is counted", () =>
    really(function* () {
      const a = yield* udp(LOCAL);
      const b = yield* udp({ ...LOCAL, queue: 2 });
      for (let i = 0; i < 5; i++) yield* a.send(String(i), b.address);
      yield* come(b, 5);
      expect(b.statistics()).toMatchObject({ received: 5, waiting: 2, dropped: 3 });
      expect([text((yield* b.receive()).data), text((yield* b.receive()).data)]).toEqual(["0", "1"]);
      a.close();
      b.close();
    }));

  test("is not lost to a receive that is cancelled", () =>
    really(function* () {
      const [a, b] = [yield* udp(LOCAL), yield* udp(LOCAL)];
      for (let i = 0; i < 10; i++) {
        const raced = yield* select({ datagram: b.receive(), time: sleep(0) });
        yield* a.send(String(i), b.address);
        expect(raced.key).toBe("time");
        expect(text((yield* b.receive()).data)).toBe(String(i));
      }
      a.close();
      b.close();
    }));

  test("that is too long is an error, and the socket goes on", () =>
    really(function* () {
      const [a, b] = [yield* udp(LOCAL), yield* udp(LOCAL)];
      const error = (yield* thrownBy(() => a.send(new Uint8Array(70_000), b.address))) as SystemError;
      expect(error.code).toBe("EMSGSIZE");
      expect(error.message).toContain(`> 127.0.0.1:${b.address.port}: the message is too long`);
      yield* a.send("short", b.address);
      expect(text((yield* b.receive()).data)).toBe("short");
      a.close();
      b.close();
    }));

  test("goes to an address: a name, or nobody, is refused at once", () =>
    really(function* () {
      const a = yield* udp(LOCAL);
      expect(() => a.send("x", { host: "localhost", port: 1 })).toThrow("resolve the name first");
      expect(() => a.send("x")).toThrow("not connected");
      expect(() => a.send("x", { host: "127.0.0.1", port: 70_000 })).toThrow(RangeError);
      expect(() => a.send(3 as never, a.address)).toThrow(TypeError);
      a.close();
    }));
});

describe("a socket", () => {
  test("that is connected sends to its peer and hears nobody else, until it is disconnected", () =>
    really(function* () {
      const [a, b, c] = [yield* udp(LOCAL), yield* udp(LOCAL), yield* udp(LOCAL)];
      yield* a.connect({ host: "localhost", port: b.address.port });
      expect(a.remoteAddress).toEqual(b.address);
      expect(() => a.send("x", c.address)).toThrow("is connected to");
      yield* a.send("hello");
      expect(text((yield* b.receive()).data)).toBe("hello");
      yield* c.send("from a stranger", a.address);
      yield* b.send("from the peer", a.address);
      expect(text((yield* a.receive()).data)).toBe("from the peer");
      expect(a.statistics().received).toBe(1);
      // To somebody else, and to nobody.
      yield* a.connect(c.address);
      yield* a.send("moved");
      expect(text((yield* c.receive()).data)).toBe("moved");
      a.disconnect();
      a.disconnect();
      yield* a.send("free", b.address);
      expect(text((yield* b.receive()).data)).toBe("free");
      for (const socket of [a, b, c]) socket.close();
    }));

  test("that is connected to nobody is told so when it receives", () =>
    really(function* () {
      const gone = yield* udp(LOCAL);
      const { address } = gone;
      gone.close();
      const a = yield* udp(LOCAL);
      yield* a.connect(address);
      yield* a.send("is anybody there");
      const error = (yield* thrownBy(() => a.receive())) as SystemError;
      expect(error.code).toBe("ECONNREFUSED");
      expect(error.message).toContain(`> 127.0.0.1:${address.port}: nobody listens there`);
      a.close();
    }));

  test("that is closed tells those who wait, and whoever comes later", () =>
    really(() =>
      group(function* (g) {
        const a = yield* udp(LOCAL);
        const waiting = g.spawn(thrownBy(() => a.receive()));
        while (a.statistics().receiving < 1) yield* sleep(0);
        a.close();
        a.close();
        expect(yield* waiting).toBeInstanceOf(ClosedError);
        expect(yield* thrownBy(() => a.receive())).toBeInstanceOf(ClosedError);
        expect(yield* thrownBy(() => a.send("x", a.address))).toBeInstanceOf(ClosedError);
        expect(() => a.configure({ ttl: 3 })).toThrow(ClosedError);
      }),
    ));

  test("on a port that is taken, or an address that is not here, is an error", () =>
    really(function* () {
      const a = yield* udp(LOCAL);
      const taken = (yield* thrownBy(() => udp({ bind: { host: "127.0.0.1", port: a.address.port } }))) as SystemError;
      expect(taken.code).toBe("EADDRINUSE");
      expect(taken.message).toBe(`bind udp 127.0.0.1:${a.address.port}: the address is in use already (EADDRINUSE)`);
      const foreign = (yield* thrownBy(() => udp({ bind: { host: "192.0.2.1" } }))) as SystemError;
      expect(foreign.code).toBe("EADDRNOTAVAIL");
      a.close();
    }));

  test("may send to everybody only when that has been allowed", () =>
    really(function* () {
      const a = yield* udp();
      const refused = (yield* thrownBy(() => a.send("x", { host: "255.255.255.255", port: 9 }))) as SystemError;
      expect(refused.code).toBe("EACCES");
      a.configure({ broadcast: true, ttl: 1 });
      // Allowed now; whether there is a network to send it on is another matter.
      const error = (yield* thrownBy(() => a.send("x", { host: "255.255.255.255", port: 9 }))) as
        | SystemError
        | undefined;
      expect(error?.code ?? "sent").toMatch(/^(sent|ENETUNREACH)$/);
      a.close();
    }));

  test("hears a multicast group that it has joined, and not one that it has left", (context) =>
    really(function* () {
      const group = "239.255.77.77";
      const receiver = yield* udp({ bind: { host: "0.0.0.0" }, reuseAddress: true });
      const sender = yield* udp(LOCAL);
      const to = { host: group, port: receiver.address.port };
      const failed = yield* thrownBy(function* () {
        receiver.join(group, "127.0.0.1");
        sender.configure({ multicastInterface: "127.0.0.1", loopback: true, multicastTtl: 0 });
        yield* sender.send("to the group", to);
      });
      if (failed === undefined) {
        expect(text((yield* receiver.receive()).data)).toBe("to the group");
        receiver.leave(group, "127.0.0.1");
        yield* sender.send("to nobody", to);
        yield* sender.send("to you", { host: "127.0.0.1", port: to.port });
        expect(text((yield* receiver.receive()).data)).toBe("to you");
      }
      receiver.close();
      sender.close();
      if (failed !== undefined) context.skip(`this machine has no multicast on its loopback: ${String(failed)}`);
    }));

  test("says what cannot be set", () =>
    really(function* () {
      const a = yield* udp(LOCAL);
      expect(() => a.join("1.2.3.4")).toThrow(/^join 1\.2\.3\.4 on udp 127/);
      a.close();
    }));

  test("takes arguments that make sense", () =>
    inGroup(function* () {
      expect(yield* thrownBy(() => udp({ bind: { port: -1 } }))).toBeInstanceOf(RangeError);
      expect(yield* thrownBy(() => udp({ queue: 0 }))).toBeInstanceOf(RangeError);
    }));
});
