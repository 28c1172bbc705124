import * as fc from "fast-check";
import { expect, test } from "vitest";
import { decode } from "./decode.ts";
import { SourceError } from "./failure.ts";

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
const latin1 = (text: string): Uint8Array => Buffer.from(text, "latin1");

function refusal(bytes: Uint8Array, contentType?: string): SourceError {
  try {
    decode(bytes, contentType === undefined ? {} : { contentType });
  } catch (error) {
    if (error instanceof SourceError) return error;
    throw error;
  }
  throw new Error("it was decoded");
}

test("a byte order mark is believed before the header and is no part of the text", () => {
  const marked = Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), utf8("grün")]);
  expect(decode(marked, { contentType: "text/html; charset=iso-8859-1" })).toEqual({
    text: "grün",
    charset: "utf-8",
    notes: [],
  });
  const wide = Buffer.from("\uFEFFgrün", "utf16le");
  expect(decode(wide, { contentType: "text/html; charset=utf-8" })).toEqual({
    text: "grün",
    charset: "utf-16le",
    notes: [],
  });
  expect(decode(wide.swap16())).toEqual({ text: "grün", charset: "utf-16be", notes: [] });
});

test("the header is believed before the content", () => {
  const bytes = latin1('<meta charset="koi8-r">caf\u00e9');
  expect(decode(bytes, { contentType: 'text/html;charset="windows-1250"' })).toMatchObject({
    charset: "windows-1250",
    notes: [],
  });
});

test("a header that says ISO-8859-1, as servers do of everything, is believed after the content", () => {
  const bytes = Buffer.concat([latin1("<meta charset=koi8-r>"), Uint8Array.from([0xcd, 0xc9, 0xd2])]);
  expect(decode(bytes, { contentType: "text/html; charset=ISO-8859-1" })).toEqual({
    text: "<meta charset=koi8-r>мир",
    charset: "koi8-r",
    notes: ["the Content-Type header says windows-1252, and the content koi8-r"],
  });
  const lie = latin1("<meta charset=utf-8>d\u00e9j\u00e0 vu");
  expect(decode(lie, { contentType: "text/html; charset=ISO-8859-1" })).toMatchObject({
    charset: "windows-1252",
    notes: ["the content says utf-8, but byte 0xe9 at 21 is not"],
  });
});

test("the content is believed where the header says nothing", () => {
  expect(decode(latin1('<?xml version="1.0" encoding="ISO-8859-1"?><a>caf\u00e9</a>')).text).toContain("café");
  expect(decode(Buffer.from([...latin1("<meta charset=koi8-r>"), 0xd4, 0xc5, 0xd3, 0xd4])).text).toContain("тест");
  const httpEquiv = '<META HTTP-EQUIV="Content-Type" CONTENT="text/html; charset=windows-1251">';
  expect(
    decode(Buffer.from([...latin1(httpEquiv), 0xf2, 0xe5, 0xf1, 0xf2]), { contentType: "text/html" }).text,
  ).toContain("тест");
  expect(decode(Buffer.from("<?xml version='1.0'?><a>é</a>", "utf16le"))).toMatchObject({
    charset: "utf-16le",
    text: expect.stringContaining("é"),
  });
});

test("Shift_JIS, GBK, EUC-KR and Big5 are read", () => {
  expect(decode(Buffer.from([0x93, 0xfa, 0x96, 0x7b]), { contentType: "text/html; charset=Shift_JIS" }).text).toBe(
    "日本",
  );
  expect(decode(Buffer.from([0xd6, 0xd0, 0xce, 0xc4]), { contentType: "text/html; charset=gb2312" }).text).toBe("中文");
  expect(decode(Buffer.from([0xc7, 0xd1, 0xb1, 0xdb]), { contentType: "text/html; charset=euc-kr" }).text).toBe("한글");
  expect(decode(Buffer.from([0xa4, 0xa4, 0xa4, 0xe5]), { contentType: "text/html; charset=big5" }).text).toBe("中文");
});

test("a page that calls itself UTF-16 in single bytes is read as UTF-8", () => {
  expect(decode(utf8('<meta charset="utf-16">grün'))).toMatchObject({ charset: "utf-8" });
});

test("a header that the bytes disprove gives way to the content, and the lie is noted", () => {
  const bytes = latin1('<?xml version="1.0" encoding="ISO-8859-1"?><a>\u00e9t\u00e9 \u00e0 No\u00ebl</a>');
  const decoded = decode(bytes, { contentType: "text/xml; charset=utf-8" });
  expect(decoded.text).toContain("été à Noël");
  expect(decoded.notes[0]).toMatch(/^the Content-Type header says utf-8, but byte 0xe9 at 46 is not$/);
});

test("a single-byte charset is disproved by bytes that are UTF-8", () => {
  const decoded = decode(utf8("Füße"), { contentType: "text/html; charset=iso-8859-1" });
  expect(decoded).toEqual({
    text: "Füße",
    charset: "utf-8",
    notes: ["the Content-Type header says windows-1252, but the bytes are UTF-8"],
  });
});

test("where every claim is a lie the charset is an error that says so", () => {
  const error = refusal(latin1("d\u00e9j\u00e0 vu, \u00e0 la carte, gar\u00e7on"), "text/html; charset=utf-8");
  expect(error.kind).toBe("charset");
  expect(error.message).toBe("the Content-Type header says utf-8, but byte 0xe9 at 1 is not");
});

test("a damaged character or two in a long text are replaced and noted", () => {
  const bytes = Buffer.concat([utf8("ä".repeat(3000)), Buffer.from([0xff]), utf8("end")]);
  const decoded = decode(bytes, { contentType: "text/html; charset=utf-8" });
  expect(decoded.text.endsWith("\uFFFDend")).toBe(true);
  expect(decoded.notes).toEqual(["1 damaged character in UTF-8"]);
});

test("a charset that does not exist is noted and passed over", () => {
  const decoded = decode(utf8("grün"), { contentType: "text/html; charset=utf-99" });
  expect(decoded).toEqual({
    text: "grün",
    charset: "utf-8",
    notes: ['the Content-Type header names a charset that does not exist, "utf-99"'],
  });
});

test("with no claim at all UTF-8 is recognised, and anything else is read as windows-1252 and noted", () => {
  expect(decode(utf8("naïve")).charset).toBe("utf-8");
  expect(decode(latin1("na\u00efve caf\u00e9"))).toMatchObject({
    text: "naïve café",
    charset: "windows-1252",
    notes: [expect.stringContaining("no charset is named")],
  });
});

test("a text cut in the middle of a character is no damaged text", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme", minLength: 1, maxLength: 60 }), fc.nat(), (text, at) => {
      const bytes = utf8(text);
      const part = bytes.subarray(0, at % (bytes.length + 1));
      const decoded = decode(part, { contentType: "text/plain; charset=utf-8", cut: true });
      expect(decoded.notes).toEqual([]);
      expect(text.replace(/^\uFEFF/, "").startsWith(decoded.text)).toBe(true);
    }),
  );
});

test("every text comes back from UTF-8 and from UTF-16 with its mark", () => {
  fc.assert(
    fc.property(
      fc.string({ unit: "grapheme", maxLength: 80 }).filter((text) => !/^\uFEFF|^\0|charset|encoding/.test(text)),
      (text) => {
        expect(decode(utf8(text)).text).toBe(text);
        expect(decode(Buffer.from(`\uFEFF${text}`, "utf16le")).text).toBe(text);
      },
    ),
  );
});
