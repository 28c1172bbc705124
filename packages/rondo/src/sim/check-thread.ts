/**
 * The other side of `jobs.ts`: what runs in a thread. It loads the module of the body, runs the seeds that it is told to, and
 * says what it counted and which was the first to fail.
 */
import { type SimBody, type Campaign, newCounts, runSeeds } from "./campaign.ts";
import { type FromThread, loadBody, type ToThread } from "./jobs.ts";
import { policyNamed } from "./policy-mix.ts";
import type { Policy } from "./policy.ts";

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
    failed: failed === undefined ? undefined : failed.seed - (campaign as Campaign).first,
  };
  parentPort?.postMessage(done, []);
}

parentPort?.on("message", (message: ToThread) => {
  handle(message).catch((error: unknown) => {
    const broken: FromThread = { kind: "broken", error };
    parentPort.postMessage(broken, []);
  });
});
