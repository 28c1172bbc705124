/**
 * What a terminal sends, as keys.
 *
 * A terminal sends characters, and for keys that have none a sequence that begins with Escape, which is a key too. Whether an
 * Escape at the end of what has come is that key, or the beginning of a sequence, only time can tell; so the decoder says that it is
 * `undecided`, and whoever reads waits a moment and then calls `settle()`. (Nothing here knows of terminals or clocks.)
 *
 * The sequences are those of ECMA-48 and xterm ("XTerm Control Sequences"), with the ways of the Linux console, rxvt and the VT220.
 */

import { TextDecoder } from "node:util";

/** A key that was pressed, or a text that was pasted. */
export interface Key {
  /**
   * The character, as the case has it (`a`, `A`, `ü`), or a name: `up`, `down`, `left`, `right`, `home`, `end`, `pageup`, `pagedown`,
   * `insert`, `delete`, `enter`, `tab`, `backspace`, `escape`, `space`, `f1` to `f12`; `paste` for a text that was pasted, `unknown` for a
   * sequence that is none of these.
   */
  readonly name: string;
  /** What it stands for as text: the character, what was pasted, or what the terminal has sent. */
  readonly text: string;
  readonly ctrl: boolean;
  readonly alt: boolean;
  /** Only for keys with names; with characters the case says it. */
  readonly shift: boolean;
}

const ESC = "\u001b";
const PASTE_END = `${ESC}[201~`;
/** A longer paste comes in several pieces. */
const LONGEST_PASTE = 1024 * 1024;
/** No sequence is longer. */
const LONGEST = 64;

const LETTERS: Readonly<Record<string, string>> = {
  A: "up",
  B: "down",
  C: "right",
  D: "left",
  F: "end",
  H: "home",
  P: "f1",
  Q: "f2",
  R: "f3",
  S: "f4",
};

const NUMBERS: Readonly<Record<string, string>> = {
  1: "home",
  2: "insert",
  3: "delete",
  4: "end",
  5: "pageup",
  6: "pagedown",
  7: "home",
  8: "end",
  11: "f1",
  12: "f2",
  13: "f3",
  14: "f4",
  15: "f5",
  17: "f6",
  18: "f7",
  19: "f8",
  20: "f9",
  21: "f10",
  23: "f11",
  24: "f12",
};

const CONTROLS: Readonly<Record<string, readonly [name: string, ctrl: boolean]>> = {
  "\r": ["enter", false],
  "\n": ["enter", false],
  "\t": ["tab", false],
  "\u007f": ["backspace", false],
  "\b": ["backspace", true],
  "\0": ["space", true],
  "\u001c": ["\\", true],
  "\u001d": ["]", true],
  "\u001e": ["^", true],
  "\u001f": ["_", true],
  [ESC]: ["escape", false],
};

// eslint-disable-next-line no-control-regex -- they are what a terminal sends
const CSI = /^\u001b\[(\[[A-E]|([0-?]*)[ -/]*([@-Z\\-~]))/;
// eslint-disable-next-line no-control-regex -- they are what a terminal sends
const BEGUN = /^\u001b\[(\[|[0-?]*[ -/]*)$/;
// eslint-disable-next-line no-control-regex -- they are what a terminal sends
const SS3 = /^\u001bO([0-9;]*)([A-Za-z])/;

export class KeyDecoder {
  private readonly decoder: TextDecoder;
  private rest: string;
  private pasting: boolean;

  constructor() {
    this.decoder = new TextDecoder("utf-8");
    this.rest = "";
    this.pasting = false;
  }

  /** Whether what has come may be a key or the beginning of one. */
  get undecided(): boolean {
    return this.rest !== "" && !this.pasting;
  }

  /** The keys that these bytes complete. */
  push(bytes: Uint8Array): Key[] {
    this.rest += this.decoder.decode(bytes, { stream: true });
    return this.take(false);
  }

  /** No more has come for a while: what is undecided is what it is. */
  settle(): Key[] {
    return this.pasting ? [] : this.take(true);
  }

  private take(settled: boolean): Key[] {
    const keys: Key[] = [];
    let at = 0;
    const { rest } = this;
    while (at < rest.length) {
      if (this.pasting) {
        const end = rest.indexOf(PASTE_END, at);
        const last = end < 0 ? rest.length - PASTE_END.length : end;
        if (end < 0 && rest.length - at < LONGEST_PASTE) break;
        keys.push({ ...key("paste", rest.slice(at, last)) });
        at = end < 0 ? last : end + PASTE_END.length;
        this.pasting = end < 0;
        continue;
      }
      const length = this.one(rest.slice(at, at + LONGEST), settled, keys);
      if (length === 0) break;
      at += length;
    }
    this.rest = rest.slice(at);
    return keys;
  }

  /** The first key of a text that is not empty: how long it is, 0 where that cannot be known yet. */
  private one(text: string, settled: boolean, keys: Key[]): number {
    if (!text.startsWith(ESC)) {
      const character = String.fromCodePoint(text.codePointAt(0) as number);
      keys.push(plain(character));
      return character.length;
    }
    const csi = CSI.exec(text);
    if (csi !== null) {
      const [sequence, console, parameters = "", final = ""] = csi;
      if (sequence === `${ESC}[200~`) this.pasting = true;
      else if (final === "") keys.push(key(`f${(console?.charCodeAt(1) ?? 0) - 64}`, sequence));
      else keys.push(fromCsi(sequence, parameters, final));
      return sequence.length;
    }
    const ss3 = SS3.exec(text);
    if (ss3 !== null) {
      const [sequence, modifiers = "", letter = ""] = ss3;
      const name = LETTERS[letter] ?? (letter === "M" ? "enter" : "unknown");
      keys.push(modified(key(name, sequence), modifiers));
      return sequence.length;
    }
    const open = text === ESC || text === `${ESC}O` || text === `${ESC}${ESC}` || BEGUN.test(text);
    if (open && !settled && text.length < LONGEST) return 0;
    if (text.length === 1) {
      keys.push(plain(ESC));
      return 1;
    }
    // Alt is sent as an Escape before the key.
    const before = keys.length;
    const length = text[1] === ESC && text.length === 2 ? 0 : this.one(text.slice(1), settled, keys);
    if (length === 0 && !settled) return 0;
    if (length === 0 || keys.length === before) {
      keys.splice(before, 0, plain(ESC));
      return 1 + length;
    }
    keys[before] = { ...(keys[before] as Key), alt: true };
    return 1 + length;
  }
}

function key(name: string, text: string, ctrl: boolean = false): Key {
  return { name, text, ctrl, alt: false, shift: false };
}

function plain(character: string): Key {
  const control = CONTROLS[character];
  if (control !== undefined) return key(control[0], character, control[1]);
  const code = character.charCodeAt(0);
  if (code < 32) return key(String.fromCharCode(code + 96), character, true);
  return key(character === " " ? "space" : character, character);
}

function fromCsi(sequence: string, parameters: string, final: string): Key {
  const [first = "", second = ""] = parameters.split(";");
  if (final === "~") return modified(key(NUMBERS[first] ?? "unknown", sequence), second);
  if (final === "Z") return { ...key("tab", sequence), shift: true };
  if (final === "u" && /^\d+$/.test(first) && Number(first) <= 0x10ffff)
    return modified(plain(String.fromCodePoint(Number(first))), second);
  // rxvt says by small letters what Shift was held with.
  if (final >= "a" && final <= "d" && parameters === "")
    return { ...key(LETTERS[final.toUpperCase()] as string, sequence), shift: true };
  // `ESC [ 12 ; 40 R` tells where the cursor is, and is no F3.
  const name = final === "R" && first !== "" && first !== "1" ? undefined : LETTERS[final];
  return name === undefined ? key("unknown", sequence) : modified(key(name, sequence), second);
}

/** xterm's number for the keys that are held: 1 and a bit for each. */
function modified(plainKey: Key, parameter: string): Key {
  const held = Number.parseInt(parameter, 10) - 1;
  if (!(held > 0)) return plainKey;
  return {
    ...plainKey,
    shift: plainKey.shift || (held & 1) !== 0,
    alt: plainKey.alt || (held & 2) !== 0,
    ctrl: plainKey.ctrl || (held & 4) !== 0,
  };
}
