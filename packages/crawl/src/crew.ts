// Those who do the visiting: they take sources from the frontier as slots and hosts become free, a task for each, so what
// exists at any moment is `concurrency` tasks and bodies, however long the list is. With a memory there is one task more,
// which writes; a source has ended when it is written.

import { type Coroutine, group, Semaphore } from "rondo";
import type { Document } from "./document.ts";
import type { Outcome } from "./outcome.ts";
import { remembered } from "./schedule/remembered.ts";
import type { Source } from "./source.ts";
import type { Headline } from "./store/records.ts";
import { type RecordStore, Writer } from "./store/writer.ts";
import { Visit, type Visiting } from "./visit.ts";

/** What a crew works for. */
export interface Job {
  readonly concurrency: number;
  readonly onDocument: ((document: Document, source: Source) => void) | undefined;
  /** Those being worked on, and those whose records are being written. */
  readonly running: Set<Visit>;
  readonly memory: Memory | undefined;
  /** A source has ended; with a memory, what it came to is stored. `fresh` are the articles that the memory did not have. */
  ended(outcome: Outcome, fresh: readonly Headline[]): void;
}

/** Where what was fetched is written down. */
export interface Memory {
  readonly store: RecordStore;
  /** The run that a source belongs to which is taken now: its number, and when it began, of `now()`. */
  run(): { readonly number: number; readonly begun: number };
}

/**
 * Visits all sources of the frontier, until it has no more. A switch point. Throws nothing of a source's.
 *
 * @throws what the store throws; then those under way are cancelled, and what was told is stored.
 */
export function* crew(all: Visiting, job: Job): Coroutine<void> {
  const { memory } = job;
  if (memory === undefined) {
    yield* visits(all, job, undefined);
    return;
  }
  const writer = new Writer(memory.store);
  try {
    yield* group(
      function* (g) {
        g.spawn(() => writer.work(), { name: "writer" });
        try {
          yield* visits(all, job, { ...memory, writer });
        } finally {
          writer.close();
        }
      },
      { name: "memory" },
    );
  } finally {
    // Left over are those that were handed to a store that failed.
    all.progress.running -= job.running.size;
    job.running.clear();
  }
}

type Recording = Memory & { readonly writer: Writer };

function* visits(all: Visiting, job: Job, recording: Recording | undefined): Coroutine<void> {
  yield* group(
    function* (g) {
      const slots = new Semaphore(job.concurrency);
      for (;;) {
        yield* slots.acquire();
        const source = yield* all.frontier.next();
        if (source === undefined) return;
        g.spawn(() => work(source, all, job, recording, slots), { name: source.url });
      }
    },
    { name: "crew" },
  );
}

function* work(
  source: Source,
  all: Visiting,
  job: Job,
  recording: Recording | undefined,
  slots: Semaphore,
): Coroutine<void> {
  const { progress, terms } = all;
  const run = recording?.run();
  const visit = new Visit(source, all, remembered(recording?.store.state(source.url)), run?.begun);
  progress.waiting--;
  progress.running++;
  job.running.add(visit);
  const leave = (): void => {
    if (job.running.delete(visit)) progress.running--;
  };
  let handed = false;
  try {
    const { outcome, record } = yield* visit.run(job.onDocument);
    if (recording === undefined || run === undefined || record === undefined) {
      leave();
      job.ended(outcome, []);
      return;
    }
    visit.stage = "storing";
    const { store, writer } = recording;
    yield* writer.hand(run.number, record, (fresh) => {
      leave();
      const { state } = outcome;
      job.ended(state === "unchanged" ? { ...outcome, latest: store.latest(source.url, terms.terms) } : outcome, fresh);
    });
    handed = true;
  } finally {
    // What was handed over is still under way, though no longer here.
    if (!handed) leave();
    slots.release();
  }
}
