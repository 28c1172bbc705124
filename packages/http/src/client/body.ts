/** What can be sent as the body of a request, and whether it can be sent twice. */
import { Flow } from "rondo";

/** A body. A flow is sent in chunks, and only once; everything else with its length, and again where that is needed. */
export type RequestBody = string | Uint8Array | URLSearchParams | Flow<Uint8Array | string>;

/** A body, ready to be sent. */
export interface Outgoing {
  /** Text or bytes, or a flow; null for none. */
  readonly content: string | Uint8Array | Flow<Uint8Array | string> | null;
  /** The `Content-Type`, where nobody gave one. */
  readonly type: string | undefined;
  /** It can be sent again: after a redirect, on another connection. */
  readonly repeats: boolean;
}

const NONE: Outgoing = { content: null, type: undefined, repeats: true };

export function outgoing(body: RequestBody | null | undefined, json: unknown): Outgoing {
  if (json !== undefined) {
    if (body !== undefined && body !== null) throw new TypeError("a request has a body or a json value, not both");
    const text: string | undefined = JSON.stringify(json);
    if (text === undefined) throw new TypeError("the json value of a request is nothing that JSON has a form for");
    return { content: text, type: "application/json", repeats: true };
  }
  if (body === undefined || body === null) return NONE;
  if (typeof body === "string") return { content: body, type: "text/plain; charset=utf-8", repeats: true };
  if (body instanceof Uint8Array) return { content: body, type: undefined, repeats: true };
  if (body instanceof URLSearchParams)
    return { content: body.toString(), type: "application/x-www-form-urlencoded", repeats: true };
  if (body instanceof Flow) return { content: body, type: undefined, repeats: false };
  throw new TypeError("the body of a request is text, bytes, URLSearchParams or a flow");
}
