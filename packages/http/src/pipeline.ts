/**
 * Requests that lie ready behind one another: how many of them may be at work at once.
 *
 * A client that pipelines wants many answers without a way back and forth for each (RFC 9112 section 9.3.2). Only requests that
 * change nothing may be worked on side by side, since their order could not be told apart from another one; and only those
 * that have come whole, since whoever works on one does not read. A request with a body, or one to go on with another
 * protocol, waits until all before it are answered.
 */
import { HEAD, type ParserEvent } from "./parser.ts";
import { HttpRequest, type Carrier } from "./request.ts";
import type { RequestHead, RequestParser } from "./request-parser.ts";

/** Whether it may be worked on beside others (RFC 9110 section 9.2.1), and another one may follow it. */
export function isLight(head: RequestHead): boolean {
  const { method } = head;
  return (
    head.length === 0 &&
    head.persistent &&
    !head.wantsUpgrade &&
    (method === "GET" || method === "HEAD" || method === "OPTIONS")
  );
}

/** What was found behind a request. */
export interface Gathered {
  /** The first one, and those that may be worked on beside it, in order. */
  readonly requests: readonly HttpRequest[];
  /** The head of one that may not has been read: it is in the parser. */
  readonly held: boolean;
}

/** Takes requests out of a parser as long as they have come whole and are light, `most` of them at most. */
export function gather(carrier: Carrier, parser: RequestParser, first: HttpRequest, most: number): Gathered {
  const requests = [first];
  while (requests.length < most && parser.buffered > 0) {
    let event: ParserEvent;
    try {
      event = parser.next();
    } catch {
      // From now on it throws this with every call: it is answered behind those that were good.
      break;
    }
    if (event !== HEAD) break;
    if (!isLight(parser.head)) return { requests, held: true };
    requests.push(new HttpRequest(carrier, parser.head));
    parser.next();
  }
  return { requests, held: false };
}
