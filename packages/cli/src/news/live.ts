// Progress while news are read: a view that is drawn in place where there is a terminal, a line for each source elsewhere.
// It runs as a daemon beside the work and looks at its numbers; the work does not know of it, and waits for no screen.

import { type Coroutine, isStopping, now, sleep } from "rondo";
import { canRewrite, type Io, type Output } from "../io.ts";
import type { Paint } from "../paint.ts";
import { frame } from "./live-frame.ts";
import { guardTerminal } from "./live-guard.ts";
import { Headlines } from "./live-headlines.ts";
import { logEvents } from "./live-log.ts";
import { Marker } from "./live-marks.ts";
import { Screen } from "./live-screen.ts";
import { type LiveRun, LiveState } from "./live-state.ts";

/** In ms: no more than twelve frames a second, and fewer where nothing moves. */
const FRAME = 84;
const IDLE = 420;

/** What to show, and where. */
export interface LiveOptions {
  readonly run: LiveRun;
  readonly output: Output;
  readonly paint: Paint;
  readonly env: Io["env"];
  /** To be marked in headlines. */
  readonly terms: readonly string[];
  /** What documents are given to: see `headlinesFor`. Without it no headlines are shown. */
  readonly headlines?: Headlines;
  /** For each source, in ms: with it the end can be told of a run whose last sources are slow. */
  readonly timeout?: number;
  /** What else there is to say in the first line, looked at for each frame. By default whether it stops. */
  readonly note?: () => string | undefined;
}

/** What shows headlines of the documents that it takes: its `take` is the `onDocument` of a run. */
export function headlinesFor(terms: readonly string[]): Headlines {
  return new Headlines(new Marker(terms));
}

/** Shows a run until it is cancelled, and leaves a clean line behind. */
export function* showLive(options: LiveOptions): Coroutine<void> {
  const { run, output, env } = options;
  if (canRewrite(output, env)) yield* drawFrames(options);
  else yield* logEvents(run, output);
}

function* drawFrames({
  run,
  output,
  paint,
  terms,
  headlines,
  timeout,
  note = whetherStopping,
}: LiveOptions): Coroutine<void> {
  const screen = new Screen(output);
  const marker = new Marker(terms);
  const state = new LiveState(run, headlines ?? new Headlines(marker), now(), timeout);
  const release = guardTerminal(screen);
  try {
    for (;;) {
      const { size } = screen;
      const view = state.look(now(), note());
      screen.draw(frame(view, size, paint, marker), size);
      yield* sleep(view.spinner === undefined ? IDLE : FRAME);
    }
  } finally {
    release();
  }
}

function whetherStopping(): string | undefined {
  return isStopping() ? "stopping; Ctrl-C again ends it at once" : undefined;
}
