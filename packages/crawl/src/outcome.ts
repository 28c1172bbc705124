// What became of a source: a small plain record, whatever it was. Nothing in it reaches back to a body, a response or an
// error, so ten thousand of them are a few megabytes.

import type { Failure } from "./failure.ts";
import type { DocumentKind } from "./sniff.ts";
import type { Source } from "./source.ts";
import type { LatestDocument, Timing } from "./store/records.ts";

/** What is known of every source that was tried. */
export interface Attempted {
  readonly source: Source;
  /** The status of the last answer; absent where none came. */
  readonly status?: number;
  /** Requests that were begun again after a failure, plus one. */
  readonly tries: number;
  /** Addresses it was redirected to, in order. */
  readonly redirects: readonly string[];
  /** Where it has moved for good (by 301 or 308): the address to subscribe to. */
  readonly movedTo?: string;
  /** Bytes of body that were read, after decompression. */
  readonly bytes: number;
  /** From the first request to the last word counted, in ms. */
  readonly elapsed: number;
  /** The part of `elapsed` in which it waited for the network, a back-off or its turn at a host, in ms. */
  readonly waited: number;
  readonly timing: Timing;
  /** When to ask again, in ms since 1970. */
  readonly due: number;
}

/** A source that was read. */
export interface Done extends Attempted {
  readonly ok: true;
  readonly state: "done";
  readonly kind: DocumentKind;
  readonly title: string | undefined;
  readonly language: string | undefined;
  readonly charset: string;
  readonly articles: number;
  readonly words: number;
  /** Mentions of each term, in the order of the terms. */
  readonly mentions: readonly number[];
  /** The body was longer than what is read of one. */
  readonly cut: boolean;
  /** What was odd, each a sentence without a final stop. */
  readonly notes: readonly string[];
}

/** A source that has nothing new (HTTP 304). */
export interface Unchanged extends Attempted {
  readonly ok: true;
  readonly state: "unchanged";
  /** What it gave when it was last read; `undefined` where that is not remembered. */
  readonly latest: LatestDocument | undefined;
}

/** A source that was not read, and why. */
export interface Failed extends Attempted {
  readonly ok: false;
  readonly state: "failed";
  readonly failure: Failure;
}

/** What became of a source. */
export type Outcome = Done | Unchanged | Failed;

/** A source that was not asked, because it is too early. */
export interface NotDue {
  readonly source: Source;
  /** When to ask, in ms since 1970. */
  readonly due: number;
  /** What it gave when it was last read; `undefined` where that is not remembered. */
  readonly latest: LatestDocument | undefined;
}
