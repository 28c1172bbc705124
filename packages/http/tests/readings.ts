/** What a reader makes of bytes, in a form in which one reader can be compared with another. */
import { HttpError } from "../src/errors.ts";
import { DATA, END, HEAD, NEED, CLOSED, SWITCHED } from "../src/parser.ts";
import { RequestParser } from "../src/request-parser.ts";
import { ResponseParser } from "../src/response-parser.ts";
import { textOf } from "./events.ts";

export interface Head {
  first: string;
  headers: [string, string][];
  body: string;
  complete: boolean;
  trailers: [string, string][];
}

export interface Reading {
  heads: Head[];
  /** Why it reads no more. */
  refused: string | undefined;
  /** The last message was the last one: what follows is not read. */
  over: boolean;
  /** It waits for the rest of a message. */
  waits?: boolean;
  /** It says nothing of what follows the last head. */
  blind?: boolean;
}

/** What the request parser makes of these pieces. */
export function readRequests(pieces: readonly Uint8Array[]): Reading {
  const parser = new RequestParser();
  const reading: Reading = { heads: [], refused: undefined, over: false };
  let head: Head | undefined;
  try {
    for (const piece of pieces) {
      parser.push(piece);
      for (let event = parser.next(); event !== NEED; event = parser.next()) {
        if (event === HEAD) {
          const { method, target, version, headers } = parser.head;
          head = {
            first: `${method} ${target} ${version}`,
            headers: headers.raw,
            body: "",
            complete: false,
            trailers: [],
          };
          reading.heads.push(head);
        } else if (event === DATA) (head as Head).body += textOf(parser.data);
        else if (event === END) {
          (head as Head).complete = true;
          (head as Head).trailers = parser.trailers.raw;
          if (!parser.head.persistent || parser.head.method === "CONNECT" || parser.head.wantsUpgrade) {
            reading.over = true;
            return reading;
          }
        }
      }
    }
  } catch (error) {
    if (!(error instanceof HttpError)) throw error;
    reading.refused = error.message;
  }
  reading.waits = !parser.between;
  return reading;
}

/** What the response parser makes of these pieces, as the answer to one request. */
export function readResponse(method: string, pieces: readonly Uint8Array[], ends: boolean): Reading {
  const parser = new ResponseParser();
  parser.expect(method);
  const reading: Reading = { heads: [], refused: undefined, over: false };
  let head: Head | undefined;
  const pull = (): boolean => {
    for (;;) {
      const event = parser.next();
      if (event === NEED) return true;
      if (event === CLOSED) {
        reading.refused = "the stream has ended before the response";
        return false;
      }
      if (event === HEAD) {
        const { status, reason, version, headers } = parser.head;
        head = {
          first: `${status} ${reason} ${version}`,
          headers: headers.raw,
          body: "",
          complete: false,
          trailers: [],
        };
        reading.heads.push(head);
      } else if (event === DATA) (head as Head).body += textOf(parser.data);
      else if (event === END || event === SWITCHED) {
        (head as Head).complete = true;
        (head as Head).trailers = parser.trailers.raw;
        reading.over = true;
        return false;
      }
    }
  };
  try {
    for (const piece of pieces) {
      parser.push(piece);
      if (!pull()) return reading;
    }
    if (ends) {
      parser.finish();
      pull();
    }
  } catch (error) {
    if (!(error instanceof HttpError)) throw error;
    reading.refused = error.message;
  }
  reading.waits = !parser.between;
  return reading;
}
