/** Keys out of what terminals send: whole, in pieces, and undecided. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { type Key, KeyDecoder } from "./keys.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

/** A key as one would say it. */
function said({ name, ctrl, alt, shift, text }: Key): string {
  const held = `${ctrl ? "ctrl+" : ""}${alt ? "alt+" : ""}${shift ? "shift+" : ""}`;
  return `${held}${name}${name === "paste" || name === "unknown" ? `(${JSON.stringify(text)})` : ""}`;
}

function keysOf(...pieces: string[]): string {
  const decoder = new KeyDecoder();
  const keys = pieces.flatMap((piece) => decoder.push(bytes(piece)));
  return [...keys, ...decoder.settle()].map(said).join(" ");
}

describe("keys", () => {
  test.each([
    ["a", "a"],
    ["Aü😀", "A ü 😀"],
    [" ", "space"],
    ["\r\n\t", "enter enter tab"],
    ["\x7f\b", "backspace ctrl+backspace"],
    ["\x01\x03\x1a\x00", "ctrl+a ctrl+c ctrl+z ctrl+space"],
    ["\x1c\x1d\x1e\x1f", "ctrl+\\ ctrl+] ctrl+^ ctrl+_"],
    ["\x1b", "escape"],
    ["\x1b[A\x1b[B\x1b[C\x1b[D", "up down right left"],
    ["\x1bOA\x1bOH\x1bOF\x1bOM", "up home end enter"],
    ["\x1bOP\x1bOQ\x1b[[A\x1b[[E", "f1 f2 f1 f5"],
    ["\x1b[1~\x1b[2~\x1b[3~\x1b[4~\x1b[5~\x1b[6~", "home insert delete end pageup pagedown"],
    ["\x1b[15~\x1b[24~", "f5 f12"],
    ["\x1b[1;5A\x1b[1;2B\x1b[1;3C\x1b[1;8D", "ctrl+up shift+down alt+right ctrl+alt+shift+left"],
    ["\x1b[3;5~\x1b[1;5R", "ctrl+delete ctrl+f3"],
    ["\x1b[Z\x1b[a", "shift+tab shift+up"],
    ["\x1ba\x1bA\x1b\x7f\x1b\r\x1bü", "alt+a alt+A alt+backspace alt+enter alt+ü"],
    ["\x1b\x1b[A", "alt+up"],
    ["\x1b\x1b", "escape escape"],
    ["\x1b[", "alt+["],
    ["\x1bO", "alt+O"],
    ["\x1b[97;5u\x1b[228;3u", "ctrl+a alt+ä"],
    ["\x1b[12;40R\x1b[<0;1;2M", 'unknown("\\u001b[12;40R") unknown("\\u001b[<0;1;2M")'],
    ["\x1b[99~", 'unknown("\\u001b[99~")'],
    ["\x1b[200~two\r\nlines\x1b[A\x1b[201~x", 'paste("two\\r\\nlines\\u001b[A") x'],
    ["\x1b[200~\x1b[201~", 'paste("")'],
  ])("%j is %s, whole and byte by byte", (sent, keys) => {
    expect(keysOf(sent)).toBe(keys);
    const decoder = new KeyDecoder();
    const one = [...bytes(sent)].flatMap((byte) => decoder.push(new Uint8Array([byte])));
    expect([...one, ...decoder.settle()].map(said).join(" ")).toBe(keys);
  });

  test("an Escape is undecided until something comes or no more comes", () => {
    const decoder = new KeyDecoder();
    expect(decoder.push(bytes("x\x1b")).map(said)).toEqual(["x"]);
    expect(decoder.undecided).toBe(true);
    expect(decoder.push(bytes("[")).map(said)).toEqual([]);
    expect(decoder.push(bytes("A")).map(said)).toEqual(["up"]);
    expect(decoder.undecided).toBe(false);
    decoder.push(bytes("\x1b"));
    expect(decoder.settle().map(said)).toEqual(["escape"]);
    expect(decoder.settle()).toEqual([]);
  });

  test("a paste waits for its end, however long that takes, and a very long one comes in pieces", () => {
    const decoder = new KeyDecoder();
    expect(decoder.push(bytes("\x1b[200~a\x1b[20"))).toEqual([]);
    expect(decoder.undecided).toBe(false);
    expect(decoder.settle()).toEqual([]);
    expect(decoder.push(bytes("1~b")).map(said)).toEqual(['paste("a")', "b"]);
    const long = "y".repeat(3_000_000);
    const keys = decoder.push(bytes(`\x1b[200~${long}`));
    keys.push(...decoder.push(bytes("\x1b[201~")));
    expect(keys.length).toBeGreaterThan(1);
    expect(keys.map(({ text }) => text).join("")).toBe(long);
  });

  test("what a terminal sends is never lost, and no sequence makes it stick", () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom("\x1b", "[", "O", "A", ";", "5", "~", "u", "a", "ü", "\r", "\x1b[", "200~", "201~"), {
          maxLength: 30,
        }),
        (parts) => {
          const decoder = new KeyDecoder();
          const keys = [...decoder.push(bytes(parts.join(""))), ...decoder.settle()];
          expect(decoder.undecided).toBe(false);
          // Whatever came before, after a paste has ended a key is a key.
          const after = [...decoder.push(bytes("\x1b[201~x")), ...decoder.settle()].map(said);
          expect(after.at(-1)).toBe("x");
          for (const { name } of keys) expect(name).not.toBe("");
        },
      ),
      { numRuns: 2000 },
    );
  });

  test("invalid UTF-8 is a replacement character and no end", () => {
    const decoder = new KeyDecoder();
    expect(decoder.push(new Uint8Array([0xff, 0x61])).map(said)).toEqual(["\ufffd", "a"]);
  });
});
