/** Where an answer says "elsewhere": the request that is made of it (RFC 9110 section 15.4, and what browsers do). */
import { HttpError } from "../errors.ts";
import { type Outgoing, outgoing } from "./body.ts";
import type { Fields } from "./fields.ts";
import { type Target, targetOf } from "./target.ts";

/** A request, as it stands just now: redirects change it. */
export interface Asking {
  readonly method: string;
  readonly target: Target;
  readonly headers: Fields;
  readonly body: Outgoing;
  readonly redirected: boolean;
}

/** What proves who one is, and is for one origin alone. */
export const PRIVATE: ReadonlySet<string> = new Set(["authorization", "cookie", "proxy-authorization"]);
/** What belongs to a body that is not sent again. */
const OF_A_BODY: ReadonlySet<string> = new Set([
  "content-type",
  "content-length",
  "content-encoding",
  "content-language",
  "content-location",
  "transfer-encoding",
]);

export function isRedirect(status: number): boolean {
  return status === 301 || status === 302 || status === 303 || status === 307 || status === 308;
}

/** The request that follows; throws an `HttpError` 502 where there is none that could. */
export function elsewhere(asking: Asking, status: number, location: string): Asking {
  const { target } = asking;
  if (!URL.canParse(location, target.href))
    throw new HttpError(502, `${target.href} leads to ${JSON.stringify(location)}, which is no address`);
  const url = new URL(location, target.href);
  if (url.protocol !== "http:" && url.protocol !== "https:")
    throw new HttpError(502, `${target.href} leads to ${url.href}, which is not asked for by HTTP`);
  const next = targetOf(url);
  const becomesGet =
    (status === 303 && asking.method !== "HEAD") || ((status === 301 || status === 302) && asking.method === "POST");
  if (!becomesGet && !asking.body.repeats)
    throw new HttpError(
      502,
      `${target.href} leads to ${url.href}, and the body cannot be sent twice: ask there at once, or give it as bytes`,
    );
  let headers = next.origin === target.origin ? asking.headers : asking.headers.without(PRIVATE);
  if (becomesGet) headers = headers.without(OF_A_BODY);
  return {
    method: becomesGet ? "GET" : asking.method,
    target: next,
    headers,
    body: becomesGet ? outgoing(null, undefined) : asking.body,
    redirected: true,
  };
}
