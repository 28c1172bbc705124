// What a source left behind the last time, as the next visit wants it, and how it is written down.
//
// The rhythm of a feed and the address its validators are of are kept together in the record's `hints`, which is plain data
// of nobody else's. It comes back from a file, so nothing is believed of it that does not look like it.

import type { Validators } from "../conditional.ts";
import type { FeedHints } from "../feed.ts";
import type { SourceState } from "../store/records.ts";

/** What is known of a source from the last time it was fetched. */
export interface Remembered {
  /** `undefined`: the next request is made without conditions. */
  readonly validators?: Validators | undefined;
  /** What the feed said of its rhythm. */
  readonly hints?: FeedHints | undefined;
  /** Failures in a row up to now. */
  readonly failures?: number | undefined;
}

/** What is known of a source, from its state in a store. */
export function remembered(state: SourceState | undefined): Remembered {
  if (state === undefined) return {};
  const kept = typeof state.hints === "object" && state.hints !== null ? (state.hints as Record<string, unknown>) : {};
  const { every, skipHours, skipDays, from } = kept;
  const { etag, lastModified, failures } = state;
  return {
    validators:
      etag === undefined && lastModified === undefined
        ? undefined
        : { etag, lastModified, url: typeof from === "string" ? from : state.url },
    hints: {
      ...(typeof every === "number" && every > 0 ? { every } : {}),
      ...(isNumbers(skipHours) ? { skipHours } : {}),
      ...(isNumbers(skipDays) ? { skipDays } : {}),
    },
    failures,
  };
}

/** What is kept beside the validators. */
export function hintsToKeep(hints: FeedHints, validators: Validators | undefined, url: string): object {
  return validators === undefined || validators.url === url ? hints : { ...hints, from: validators.url };
}

function isNumbers(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((each) => typeof each === "number");
}
