/** Names: against a name server of the test's own, which says what it is told to, or nothing. */
import dns from "node:dns";
import { describe, expect, test } from "vitest";
import { leavesNothing } from "../../tests/leaks.ts";
import { thrownBy } from "../../tests/virtual.ts";
import { group, run, sleep } from "../index.ts";
import {
  resolve,
  resolve4,
  resolve6,
  resolveCname,
  resolveMx,
  resolveNs,
  resolveRecords,
  resolveSrv,
  resolveTxt,
  reverse,
  type SystemError,
  udp,
} from "./index.ts";
import { reverseName } from "./names.ts";

const TYPES = { A: 1, NS: 2, CNAME: 5, PTR: 12, MX: 15, TXT: 16, AAAA: 28, SRV: 33 } as const;
type Type = keyof typeof TYPES;

function name(text: string): Buffer {
  const labels = text.split(".").map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label)]));
  return Buffer.concat([...labels, Buffer.from([0])]);
}
const u16 = (n: number): Buffer => Buffer.from([n >> 8, n & 255]);

/** What the server knows: `"TXT example.test"` and its records, as they go over the wire. */
const zone: Record<string, readonly Buffer[]> = {
  "A example.test": [Buffer.from([1, 2, 3, 4]), Buffer.from([5, 6, 7, 8])],
  "AAAA example.test": [Buffer.from([0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1])],
  "TXT example.test": [
    Buffer.concat([Buffer.from([3]), Buffer.from("v=s"), Buffer.from([4]), Buffer.from("pf1 ")]),
    Buffer.concat([Buffer.from([5]), Buffer.from("other")]),
  ],
  "MX example.test": [
    Buffer.concat([u16(20), name("second.example.test")]),
    Buffer.concat([u16(10), name("first.example.test")]),
  ],
  "SRV _imap._tcp.example.test": [
    Buffer.concat([u16(20), u16(0), u16(993), name("c.example.test")]),
    Buffer.concat([u16(10), u16(10), u16(993), name("b.example.test")]),
    Buffer.concat([u16(10), u16(60), u16(993), name("a.example.test")]),
  ],
  "CNAME www.example.test": [name("example.test")],
  "NS example.test": [name("ns.example.test")],
  "PTR 4.3.2.1.in-addr.arpa": [name("example.test")],
};

/** The answer to a query, or nothing for a name that begins with `silent`. */
function answer(query: Uint8Array): Buffer | undefined {
  const bytes = Buffer.from(query);
  const labels: string[] = [];
  let at = 12;
  while (bytes[at] !== 0) {
    const length = bytes[at] as number;
    labels.push(bytes.toString("latin1", at + 1, at + 1 + length));
    at += 1 + length;
  }
  if (labels[0] === "silent") return undefined;
  const code = bytes.readUInt16BE(at + 1);
  const type = Object.keys(TYPES).find((key) => TYPES[key as Type] === code) ?? "";
  const asked = labels.join(".").toLowerCase();
  const records = zone[`${type} ${asked}`] ?? [];
  const known = records.length > 0 || Object.keys(zone).some((key) => key.endsWith(` ${asked}`));
  const header = Buffer.concat([
    bytes.subarray(0, 2),
    u16(known ? 0x8180 : 0x8183),
    u16(1),
    u16(records.length),
    u16(0),
    u16(0),
  ]);
  const body = records.map((data) =>
    Buffer.concat([u16(0xc00c), u16(code), u16(1), Buffer.from([0, 0, 0, 60]), u16(data.length), data]),
  );
  return Buffer.concat([header, bytes.subarray(12, at + 5), ...body]);
}

/** Runs a body while the process asks the test's own name server. */
function asking<T>(body: (asked: () => number) => Generator<any, T, any>): Promise<T> {
  const before = dns.getServers();
  return leavesNothing(async () => {
    try {
      return await run(() =>
        group(function* (g) {
          const server = yield* udp({ bind: { host: "127.0.0.1" } });
          dns.setServers([`127.0.0.1:${server.address.port}`]);
          const serving = g.spawn(function* () {
            for (;;) {
              const { data, from } = yield* server.receive();
              const said = answer(data);
              if (said !== undefined) yield* server.send(said, from);
            }
          });
          try {
            return yield* body(() => server.statistics().received);
          } finally {
            serving.cancel();
            server.close();
          }
        }),
      );
    } finally {
      dns.setServers(before);
    }
  });
}

describe("the system", () => {
  test("is asked for the addresses of a name", () =>
    leavesNothing(async () => {
      const found = await run(() => resolve("localhost"));
      expect(found.length).toBeGreaterThan(0);
      for (const { address, family } of found)
        expect([address, family]).toEqual(family === 4 ? ["127.0.0.1", 4] : ["::1", 6]);
      for (const { family } of await run(() => resolve("localhost", { family: 4 }))) expect(family).toBe(4);
    }));

  test("is not asked for an address, which stands for itself", async () => {
    expect(await run(() => resolve("10.0.0.1"))).toEqual([{ address: "10.0.0.1", family: 4 }]);
    expect(await run(() => resolve("fe80::1%eth0"))).toEqual([{ address: "fe80::1%eth0", family: 6 }]);
    expect(await run(() => resolve("10.0.0.1", { family: 6 }))).toEqual([]);
  });

  test("says that there is no such name", async () => {
    const error = (await run(() => thrownBy(() => resolve("no.such.name.invalid")))) as SystemError;
    expect(error.code).toMatch(/^(ENOTFOUND|EAI_AGAIN)$/);
    expect(error.message).toContain("resolve no.such.name.invalid: ");
  });
});

describe("a name server", () => {
  test("is asked for records of each type", () =>
    asking(function* () {
      expect((yield* resolve4("example.test")).toSorted()).toEqual(["1.2.3.4", "5.6.7.8"]);
      expect(yield* resolve6("example.test")).toEqual(["2001:db8::1"]);
      expect((yield* resolveTxt("example.test")).toSorted()).toEqual(["other", "v=spf1 "]);
      expect(yield* resolveMx("example.test")).toEqual([
        { priority: 10, exchange: "first.example.test" },
        { priority: 20, exchange: "second.example.test" },
      ]);
      expect(
        (yield* resolveSrv("_imap._tcp.example.test")).map((one) => `${one.priority} ${one.weight} ${one.name}`),
      ).toEqual(["10 60 a.example.test", "10 10 b.example.test", "20 0 c.example.test"]);
      expect(yield* resolveCname("www.example.test")).toEqual(["example.test"]);
      expect(yield* resolveNs("example.test")).toEqual(["ns.example.test"]);
      expect(yield* reverse("1.2.3.4")).toEqual(["example.test"]);
      expect(yield* resolveRecords<string>("example.test", "NS")).toEqual(["ns.example.test"]);
    }));

  test("says what there is not", () =>
    asking(function* () {
      const none = (yield* thrownBy(() => resolve4("other.test"))) as SystemError;
      expect(none.code).toBe("ENOTFOUND");
      expect(none.message).toBe("look up A of other.test: there is no such name (ENOTFOUND)");
      const empty = (yield* thrownBy(() => resolveMx("www.example.test"))) as SystemError;
      expect(empty.code).toBe("ENODATA");
      expect(((yield* thrownBy(() => resolve4("a..b"))) as SystemError).code).toBe("EBADNAME");
    }));

  test("that does not answer is not waited for once the task is cancelled, and nothing is left of the query", () =>
    asking(function* (asked) {
      yield* group(function* (g) {
        const silent = g.spawn(resolve4("silent.test"));
        while (asked() === 0) yield* sleep(1);
        silent.cancel();
        yield* silent.ended();
        expect(silent.state).toBe("cancelled");
      });
      // Others go on being asked.
      expect(yield* resolve6("example.test")).toEqual(["2001:db8::1"]);
    }));
});

describe("the name of an address", () => {
  test("is written backwards", () => {
    expect(reverseName("192.0.2.5")).toBe("5.2.0.192.in-addr.arpa");
    expect(reverseName("2001:db8::567:89ab")).toBe(
      "b.a.9.8.7.6.5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa",
    );
    expect(reverseName("::1")).toBe(`1.${"0.".repeat(31)}ip6.arpa`);
    expect(reverseName("::")).toBe(`${"0.".repeat(32)}ip6.arpa`);
    expect(reverseName("::ffff:1.2.3.4")).toBe(`4.0.3.0.2.0.1.0.f.f.f.f.${"0.".repeat(20)}ip6.arpa`);
    expect(reverseName("FE80::1%eth0")).toBe(reverseName("fe80::1"));
  });

  test("is refused for what is none", () => {
    for (const wrong of ["example.org", "1:2:3", "1:2:3:4:5:6:7:8:9", "::g", "12345::"]) {
      expect(() => reverseName(wrong)).toThrow(TypeError);
    }
  });
});
