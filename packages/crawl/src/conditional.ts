// Asking only for what is new (RFC 9110, section 13): what a server calls its answer by, kept as it came and sent back as it
// came. Nothing here understands a validator; half of those in the wild are malformed and compare well all the same.

import type { FieldReader } from "./schedule/freshness.ts";

/** What names one version of a document, to be sent back verbatim. */
export interface Validators {
  /** The `ETag` as it came, quotes, weakness and all. */
  readonly etag?: string | undefined;
  /** The `Last-Modified` as it came. */
  readonly lastModified?: string | undefined;
  /** The address they are of: the last one, where the source was redirected. They are sent nowhere else. */
  readonly url: string;
}

/**
 * The validators of an answer; `undefined` where it has none that can be sent back.
 *
 * @param url where the answer came from.
 */
export function validatorsOf(headers: FieldReader, url: string): Validators | undefined {
  const etag = usable(headers.get("etag"));
  const lastModified = usable(headers.get("last-modified"));
  return etag === undefined && lastModified === undefined ? undefined : { etag, lastModified, url };
}

/** The fields that make a request conditional; none where the validators are another address's. */
export function conditions(validators: Validators | undefined, url: string): Record<string, string> {
  if (validators?.url !== url) return {};
  // Remembered text is looked at again: a file may have been written by others, and a line break would be a field more.
  const etag = usable(validators.etag);
  const lastModified = usable(validators.lastModified);
  return {
    ...(etag === undefined ? {} : { "if-none-match": etag }),
    ...(lastModified === undefined ? {} : { "if-modified-since": lastModified }),
  };
}

/** Whether a 304 is about another version than the one that was asked about: then nothing is known of the one that is there. */
export function isOfAnother(headers: FieldReader, sent: Validators): boolean {
  const etag = usable(headers.get("etag"));
  return etag !== undefined && sent.etag !== undefined && weak(etag) !== weak(sent.etag);
}

/** The validators after a 304: those that were sent, in the words of the 304 where it names the same version. */
export function confirmed(headers: FieldReader, sent: Validators): Validators {
  const etag = usable(headers.get("etag"));
  if (etag === undefined || sent.etag === undefined) return sent;
  return { etag, lastModified: usable(headers.get("last-modified")) ?? sent.lastModified, url: sent.url };
}

/** Weak comparison (RFC 9110, section 8.8.3.2): a 304 may say `W/"x"` of what was `"x"`. */
function weak(etag: string): string {
  return etag.replace(/^W\//, "");
}

/** More than this is no name, and would be sent with every request. */
const LONGEST = 4096;

/** What may stand in a field: no control character, none beyond a byte. An empty one names nothing. */
function usable(value: string | null | undefined): string | undefined {
  const text = value?.trim() ?? "";
  return text !== "" && text.length <= LONGEST && /^[\t\x20-\x7E\x80-\xFF]+$/.test(text) ? text : undefined;
}
