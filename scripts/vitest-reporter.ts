// Writes down what scripts/test.ts wants to know of a vitest run: the counts, and every test that was skipped, with its
// reason. The file is named by RONDO_REPORT; a person who calls vitest directly gets the usual output and no file.
//
// It is written anew whenever a file of tests begins or ends: a test that loops without a pause is stopped by nobody but the
// one who ends the whole run, and then the file tells where the run stood.
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

import type { Reporter, SerializedError, TestCase, TestModule, Vitest } from "vitest/node";

/** What is written down of one run. */
export interface TestReport {
  passed: number;
  failed: number;
  /** The names of the failed tests, and of what failed outside of any test. */
  failures: string[];
  /** The names of the skipped tests, with the reason where one was given. */
  skipped: string[];
  /** How many were not asked for: the long ones, or all but those. */
  leftOut: number;
  /** The files whose tests had begun and not ended; none after a whole run. */
  running: string[];
  /** The files whose tests took longest, with how long in ms. */
  slowest: { file: string; ms: number }[];
}

/** The reporter; vitest makes one for each run. */
export default class ReportFile implements Reporter {
  readonly #path = process.env["RONDO_REPORT"] ?? "";
  readonly #running = new Set<string>();
  readonly #ended = new Map<string, TestModule>();

  #isLeftOut: (test: TestCase) => boolean = () => false;

  onInit({ config }: Vitest): void {
    const wanted = config.tagsFilter?.join() ?? "";
    if (wanted !== "") this.#isLeftOut = ({ tags }) => tags.includes("long") === (wanted === "!long");
  }

  onTestModuleQueued(module: TestModule): void {
    this.#running.add(module.relativeModuleId);
    this.#write([]);
  }

  onTestModuleEnd(module: TestModule): void {
    this.#running.delete(module.relativeModuleId);
    this.#ended.set(module.relativeModuleId, module);
    this.#write([]);
  }

  onTestRunEnd(modules: readonly TestModule[], errors: readonly SerializedError[]): void {
    // A file that could not even be loaded has not ended, but it has failed.
    for (const module of modules) this.#ended.set(module.relativeModuleId, module);
    this.#running.clear();
    this.#write(errors);
  }

  #write(errors: readonly SerializedError[]): void {
    if (this.#path === "") return;
    const report: TestReport = {
      passed: 0,
      failed: 0,
      failures: [],
      skipped: [],
      leftOut: 0,
      running: [],
      slowest: [],
    };
    const fail = (what: string): void => {
      report.failed++;
      report.failures.push(what);
    };
    for (const module of this.#ended.values()) {
      for (const error of module.errors()) fail(`${module.relativeModuleId}: ${error.message}`);
      for (const test of module.children.allTests()) {
        const name = `${module.relativeModuleId}: ${test.fullName}`;
        const result = test.result();
        if (result.state === "passed") report.passed++;
        else if (result.state === "failed") fail(name);
        else if (result.state === "skipped" && this.#isLeftOut(test)) report.leftOut++;
        else if (result.state === "skipped") report.skipped.push(result.note ? `${name}: ${result.note}` : name);
        else fail(`${name}: did not end`);
      }
      for (const suite of module.children.allSuites()) {
        for (const error of suite.errors()) fail(`${module.relativeModuleId}: ${suite.fullName}: ${error.message}`);
      }
    }
    for (const error of errors) fail(`outside of any test: ${error.message}`);
    report.running = [...this.#running];
    report.slowest = Array.from(this.#ended.values(), (module) => ({
      file: module.relativeModuleId,
      ms: Math.round(module.diagnostic().duration),
    }))
      .toSorted((a, b) => b.ms - a.ms)
      .slice(0, 5);
    mkdirSync(dirname(this.#path), { recursive: true });
    writeFileSync(this.#path, JSON.stringify(report));
  }
}
