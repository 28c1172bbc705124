// The live view of `rondo news watch`: what a watch tells of itself, in the shape of a run that has no end. A watch keeps
// no outcomes, since it may stay up for a year; so what it tells is kept here until it has been shown.

import type { Watch, WatchEvent } from "@rondo/crawl";
import { type Headlines, shortAddress } from "./live-headlines.ts";
import { headlinesFor, type LiveOptions } from "./live.ts";
import type { LiveOutcome } from "./live-state.ts";

/** Takes what a watch tells, and shows it: give it to `showLive`, and its `take` as the watch's `onEvent`. */
export class WatchView {
  readonly #terms: readonly string[];
  readonly #headlines: Headlines;
  readonly #wallClock: () => number;
  #ended: LiveOutcome[] = [];

  constructor(terms: readonly string[], wallClock: () => number = Date.now) {
    this.#terms = terms;
    this.#headlines = headlinesFor(terms);
    this.#wallClock = wallClock;
  }

  take(event: WatchEvent): void {
    if (event.kind === "subscriptions") return;
    const { outcome } = event;
    if (event.kind !== "done") {
      this.#ended.push(outcome);
      return;
    }
    const { source, title } = event.outcome;
    this.#ended.push({ ...event.outcome, fresh: event.fresh.length });
    this.#headlines.add(source.name ?? title ?? shortAddress(source.url), event.fresh);
  }

  /** What `showLive` takes for this watch. */
  of(
    watch: Pick<Watch, "next" | "progress" | "running" | "sources">,
  ): Pick<LiveOptions, "headlines" | "run" | "terms"> {
    const view = this;
    return {
      terms: this.#terms,
      headlines: this.#headlines,
      run: {
        progress: watch.progress,
        running: watch.running,
        ended() {
          const ended = view.#ended;
          view.#ended = [];
          return ended;
        },
        watching() {
          const { sources, next } = watch;
          return { sources, next: next === undefined ? undefined : next - view.#wallClock() };
        },
      },
    };
  }
}
