/** What a parser says of bytes in pieces, as lines of text: for tests that compare one way of cutting with another. */
import { HttpError } from "../src/errors.ts";
import type { HttpHeaders } from "../src/headers.ts";
import type { MessageLimits } from "../src/limits.ts";
import { CLOSED, DATA, END, HEAD, INTERIM, NEED, SWITCHED } from "../src/parser.ts";
import { RequestParser } from "../src/request-parser.ts";
import { ResponseParser } from "../src/response-parser.ts";
import { latin1 } from "../src/tokens.ts";

/** One byte for each character. */
export function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

export function textOf(bytes: Uint8Array): string {
  return latin1(bytes, 0, bytes.length);
}

/** The same bytes in pieces of a size. */
export function inPieces(bytes: Uint8Array, size: number): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += size) pieces.push(bytes.slice(at, at + size));
  return pieces;
}

const pairs = (headers: HttpHeaders): string => JSON.stringify(headers.raw);

/**
 * All events of these pieces, pulled after each of them until there is need of more; data that comes in several pieces is
 * one line. With `ends`, the stream ends behind them.
 */
export function requestEvents(pieces: readonly Uint8Array[], ends = false, limits?: Partial<MessageLimits>): string[] {
  const parser = new RequestParser(limits);
  return events(parser, pieces, ends, () => {
    const { head } = parser;
    const bits = [
      head.chunked && "chunked",
      head.persistent && "persistent",
      head.expectsContinue && "continue",
      head.wantsUpgrade && "upgrade",
    ];
    return `${head.method} ${head.target} ${head.version} length=${head.length} ${words(bits)}${pairs(head.headers)}`;
  });
}

/** As `requestEvents`, for the answers to requests of these methods. */
export function responseEvents(
  methods: readonly string[],
  pieces: readonly Uint8Array[],
  ends = false,
  limits?: Partial<MessageLimits>,
): string[] {
  const parser = new ResponseParser(limits);
  let asked = 0;
  const ask = () => {
    if (asked < methods.length) parser.expect(methods[asked++] as string);
  };
  ask();
  return events(
    parser,
    pieces,
    ends,
    () => {
      const { head } = parser;
      const bits = [
        head.chunked && "chunked",
        head.persistent && "persistent",
        head.untilClose && "until-close",
        head.switches && "switches",
      ];
      return `${head.status} ${head.reason} ${head.version} length=${head.length} ${words(bits)}${pairs(head.headers)}`;
    },
    ask,
  );
}

const words = (bits: readonly (string | false)[]): string =>
  bits
    .filter(Boolean)
    .map((bit) => `${bit} `)
    .join("");

function events(
  parser: RequestParser | ResponseParser,
  pieces: readonly Uint8Array[],
  ends: boolean,
  describe: () => string,
  after?: () => void,
): string[] {
  const lines: string[] = [];
  let data = "";
  const say = (line: string) => {
    if (data !== "") lines.push(`data ${data}`);
    data = "";
    lines.push(line);
  };
  const pull = (): boolean => {
    for (;;) {
      switch (parser.next()) {
        case NEED:
          return true;
        case HEAD:
          say(`head ${describe()}`);
          break;
        case INTERIM:
          say(`interim ${describe()}`);
          break;
        case DATA:
          data += textOf(parser.data);
          break;
        case END:
          say(`end ${pairs(parser.trailers)}`);
          after?.();
          break;
        case CLOSED:
          say("closed");
          return false;
        case SWITCHED:
          // What is left is told once, when all has been pushed.
          return true;
      }
    }
  };
  try {
    for (const piece of pieces) {
      parser.push(piece);
      pull();
    }
    if (ends) {
      parser.finish();
      pull();
    }
    if (parser.next() === SWITCHED) say(`switched ${textOf(parser.rest())}`);
    else if (!ends) say("need");
  } catch (error) {
    if (!(error instanceof HttpError)) throw error;
    say(`${error.name} ${error.status} ${error.rfc}: ${error.message}`);
  }
  return lines;
}
