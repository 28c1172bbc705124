import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";

import { sleep } from "../loop/sleep.ts";
import { NondeterminismError } from "./campaign.ts";
import { check } from "./check.ts";
import type { CheckError } from "./failure.ts";
import { fifo } from "./policy.ts";

const module = new URL("../../tests/sim-bodies.ts", import.meta.url);

beforeEach(() => {
  for (const name of ["RONDO_SEED", "RONDO_RUNS", "RONDO_REPLAY", "RONDO_JOBS"]) vi.stubEnv(name, "");
});
afterEach(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
});

describe("a body that is named", () => {
  test("is run in several threads, with the same report as in one", async () => {
    const alone = await check({ runs: 60, jobs: 1 }, { module, name: "dice" })();
    const spread = await check({ runs: 60, jobs: 2 }, new URL("#dice", module))();
    expect(spread).toEqual(alone);
    expect(spread.runs).toBe(61);
    expect(spread.sometimes.get("a six")).toBeGreaterThan(0);
  });

  test("is replayed here", async () => {
    const error = (await check({ runs: 900, jobs: 1 }, { module, name: "unlucky" })().catch(
      (thrown: unknown) => thrown,
    )) as CheckError;
    vi.stubEnv("RONDO_REPLAY", error.token);
    await expect(check({ jobs: 2 }, { module, name: "unlucky" })()).rejects.toThrow(/replayed from RONDO_REPLAY/);
  });

  test("RONDO_JOBS has the last word", async () => {
    vi.stubEnv("RONDO_JOBS", "1");
    const worker = vi.spyOn(process.getBuiltinModule("node:worker_threads"), "Worker");
    await check({ runs: 5, jobs: 2 }, { module, name: "dice" })();
    expect(worker).not.toHaveBeenCalled();
  });

  test("runs that differ where they should not are told", async () => {
    const error: unknown = await check({ runs: 60, jobs: 2 }, { module, name: "forgetful" })().catch(
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(NondeterminismError);
    expect((error as Error).message).toMatch(/^the body is not deterministic/);
  });

  test("a policy of one's own runs on one core, and that is said", async () => {
    const warn = vi.spyOn(console, "warn").mockImplementation(() => {});
    const report = await check({ runs: 5, jobs: 2, policy: { ...fifo, name: "mine" } }, { module, name: "dice" })();
    expect(report.runs).toBe(6);
    expect(warn).toHaveBeenCalledWith(
      'rondo/sim: 2 jobs are asked for, but the policy "mine" is not one of rondo\'s, and cannot be sent to another ' +
        "thread; it runs on one core",
    );
  });
});

describe("a closure", () => {
  test("runs on one core, and says so where more are asked for", () => {
    const warn = vi.spyOn(console, "warn").mockImplementation(() => {});
    vi.stubEnv("RONDO_JOBS", "3");
    expect(check({ runs: 2 }, () => sleep(1))().runs).toBe(3);
    expect(warn).toHaveBeenCalledWith(
      expect.stringContaining("3 jobs are asked for, but a body that is a function runs on one core"),
    );
  });
});

describe("bad use", () => {
  test("a body that is not there says what is", async () => {
    await expect(check({ jobs: 2 }, { module, name: "dise" })()).rejects.toThrow(
      /sim-bodies\.ts exports no function "dise"; its functions are: .*dice/,
    );
    await expect(check({}, { module, name: "five" })()).rejects.toThrow(/exports no function "five"/);
  });

  test("a module that is not there is told", async () => {
    await expect(check({}, new URL("./nowhere.ts#dice", module))()).rejects.toThrow(/nowhere/);
  });

  test("a body without a name, and a path that is no URL, are refused", async () => {
    await expect(check({}, module)()).rejects.toThrow(/a body is named by its module and its export/);
    await expect(check({}, { module: "./bank.ts", name: "dice" })()).rejects.toThrow(
      'a body is named by the URL of its module, not by "./bank.ts": new URL("./bank.ts", import.meta.url)',
    );
  });
});
