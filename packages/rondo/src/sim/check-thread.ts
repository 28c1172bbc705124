/**
 * The other side of `jobs.ts`: what runs in a thread. It loads the module of the body, runs the seeds that it is told to, and
 * says what it counted and which was the first to fail.
 */
import { type Campaign, type Counts, newCounts, NondeterminismError, runSeeds, type SimBody } from "./campaign.ts";
import { saying } from "./failure.ts";
import { loadBody } from "./jobs.ts";
import { policyNamed } from "./policy-mix.ts";
import type { Policy } from "./policy.ts";

/** What a thread is told. */
export type ToThread =
  | {
      readonly kind: "begin";
      readonly module: string;
      readonly name: string;
      readonly campaign: Omit<Campaign, "policies"> & { readonly policies: readonly string[] };
      readonly expected: number;
    }
  | { readonly kind: "lot"; readonly from: number; readonly to: number };

/** What it says. */
export type FromThread =
  | {
      readonly kind: "done";
      readonly from: number;
      readonly counts: Counts;
      readonly failed: ThreadFailure | undefined;
    }
  /** Two runs that should have been the same were not. */
  | { readonly kind: "unsteady"; readonly message: string }
  | { readonly kind: "broken"; readonly error: unknown };

/** The first run of a lot that failed. */
export interface ThreadFailure {
  /** Its place in the campaign, from 0. */
  readonly index: number;
  /** What it failed with. */
  readonly says: string;
}

const { parentPort } = process.getBuiltinModule("node:worker_threads");

let body: Promise<SimBody> | undefined;
let campaign: Campaign | undefined;
let expected = 0;

async function handle(message: ToThread): Promise<void> {
  if (message.kind === "begin") {
    const { policies } = message.campaign;
    campaign = { ...message.campaign, policies: policies.map((name) => policyNamed(name) as Policy) };
    ({ expected } = message);
    body = loadBody(message);
    // Whoever waits for it hears of it; before that it must not end the thread.
    body.catch(() => {});
    return;
  }
  const counts = newCounts();
  const { from, to } = message;
  const failed = runSeeds(campaign as Campaign, await (body as Promise<SimBody>), expected, from, to, counts);
  const done: FromThread = {
    kind: "done",
    from,
    counts,
    failed:
      failed === undefined
        ? undefined
        : { index: failed.seed - (campaign as Campaign).first, says: saying(failed.error) },
  };
  parentPort?.postMessage(done, []);
}

parentPort?.on("message", (told: ToThread) => {
  handle(told).catch((error: unknown) => {
    const unsteady = error instanceof NondeterminismError;
    const message: FromThread = unsteady ? { kind: "unsteady", message: error.message } : { kind: "broken", error };
    parentPort.postMessage(message, []);
  });
});
