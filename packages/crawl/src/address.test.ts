import fc from "fast-check";
import { expect, test } from "vitest";
import { whyPrivate } from "./address.ts";

test.each([
  ["127.0.0.1", "a loopback address"],
  ["127.255.255.255", "a loopback address"],
  ["::1", "a loopback address"],
  ["0:0:0:0:0:0:0:1", "a loopback address"],
  ["::1%lo", "a loopback address"],
  ["10.0.0.0", "an address of a private network"],
  ["10.255.255.255", "an address of a private network"],
  ["172.16.0.0", "an address of a private network"],
  ["172.31.255.255", "an address of a private network"],
  ["192.168.0.1", "an address of a private network"],
  ["fc00::", "an address of a private network"],
  ["fdff:ffff::1", "an address of a private network"],
  ["fec0::1", "an address of a private network"],
  ["169.254.169.254", "a link-local address"],
  ["fe80::1", "a link-local address"],
  ["fe80::1%eth0", "a link-local address"],
  ["febf::1", "a link-local address"],
  ["100.64.0.0", "an address of a provider's own network"],
  ["100.127.255.255", "an address of a provider's own network"],
  ["0.0.0.0", "no address of anybody in particular"],
  ["0.1.2.3", "no address of anybody in particular"],
  ["::", "no address of anybody in particular"],
  ["224.0.0.1", "a multicast address"],
  ["239.255.255.255", "a multicast address"],
  ["ff02::1", "a multicast address"],
  ["255.255.255.255", "the broadcast address"],
  ["240.0.0.1", "a reserved address"],
  ["255.255.255.254", "a reserved address"],
  ["192.0.2.1", "an address for documentation"],
  ["198.51.100.255", "an address for documentation"],
  ["203.0.113.7", "an address for documentation"],
  ["2001:db8::1", "an address for documentation"],
  ["3fff:fff::1", "an address for documentation"],
  ["198.18.0.1", "an address for measurements"],
  ["198.19.255.255", "an address for measurements"],
  ["2001:2::1", "an address for measurements"],
  ["192.0.0.1", "an address set aside for protocols"],
  ["192.88.99.1", "an address set aside for protocols"],
  ["2001:1::1", "an address set aside for protocols"],
  ["5f00::1", "an address set aside for protocols"],
  ["64:ff9b:1::a00:1", "an address of a private translator"],
  ["100::1", "a reserved address"],
  ["4000::1", "a reserved address"],
  ["::127.0.0.1", "a reserved address"],
  ["::8.8.8.8", "a reserved address"],
  ["::ffff:0:7f00:1", "a reserved address"],
  ["::ffff:127.0.0.1", "a loopback address (127.0.0.1, written as IPv6)"],
  ["::FFFF:7F00:1", "a loopback address (127.0.0.1, written as IPv6)"],
  ["0:0:0:0:0:ffff:a9fe:a9fe", "a link-local address (169.254.169.254, written as IPv6)"],
  ["64:ff9b::10.0.0.1", "an address of a private network (10.0.0.1, behind a translator)"],
  ["2002:7f00:1::", "a loopback address (127.0.0.1, through a 6to4 tunnel)"],
  ["2002:c0a8:0101::1", "an address of a private network (192.168.1.1, through a 6to4 tunnel)"],
  ["2001:0:a00:1::f7f7:f7f7", "an address of a private network (10.0.0.1, through a Teredo tunnel)"],
  ["2001:0:808:808::80ff:fffe", "a loopback address (127.0.0.1, through a Teredo tunnel)"],
  ["", "no IP address"],
  ["localhost", "no IP address"],
  ["127.1", "no IP address"],
  ["127.0.0.01", "no IP address"],
  ["2130706433", "no IP address"],
  ["[::1]", "no IP address"],
])("%s is %s", (address, what) => expect(whyPrivate(address)).toBe(what));

test.each([
  "1.1.1.1",
  "9.255.255.255",
  "11.0.0.0",
  "93.184.215.14",
  "100.63.255.255",
  "100.128.0.0",
  "126.255.255.255",
  "128.0.0.0",
  "169.253.255.255",
  "169.255.0.0",
  "172.15.255.255",
  "172.32.0.0",
  "192.0.1.0",
  "192.167.255.255",
  "192.169.0.0",
  "198.17.255.255",
  "198.20.0.0",
  "223.255.255.255",
  "2606:4700:4700::1111",
  "2001:200::1",
  "2001:4860:4860::8888",
  "2003::1",
  "3ffe::1",
  "::ffff:8.8.8.8",
  "64:ff9b::808:808",
  "2002:808:808::1",
  "2001:0:808:808::f7f7:f7f7",
])("%s is on the public Internet", (address) => expect(whyPrivate(address)).toBeUndefined());

test("an IPv4 address is judged the same however it is dressed", () => {
  fc.assert(
    fc.property(fc.ipV4(), (address) => {
      const what = whyPrivate(address);
      const [a, b, c, d] = address.split(".").map(Number) as [number, number, number, number];
      const [high, low] = [((a << 8) | b).toString(16), ((c << 8) | d).toString(16)];
      for (const dressed of [
        `::ffff:${address}`,
        `0:0:0:0:0:FFFF:${high}:${low}`,
        `64:ff9b::${address}`,
        `2002:${high}:${low}::1`,
      ])
        expect(whyPrivate(dressed)?.startsWith(what ?? "?")).toBe(what === undefined ? undefined : true);
    }),
  );
});

test("of an IPv6 address nothing but the address matters, not how it is written", () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(fc.constant(0), fc.nat(0xffff)), { minLength: 8, maxLength: 8 }), (groups) => {
      const plain = groups.map((group) => group.toString(16)).join(":");
      const long = groups.map((group) => group.toString(16).padStart(4, "0").toUpperCase()).join(":");
      const dotted = `${plain.split(":").slice(0, 6).join(":")}:${groups
        .slice(6)
        .map((g) => `${g >> 8}.${g & 255}`)
        .join(".")}`;
      expect([whyPrivate(long), whyPrivate(dotted), whyPrivate(`${plain}%1`)]).toEqual(
        Array.from({ length: 3 }, () => whyPrivate(plain)),
      );
    }),
  );
});
