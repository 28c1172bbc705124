/** The comparison of differential.test.ts at length: every message of the table cut at every offset, and many more mutants. */
import { expect, it } from "vitest";
import { compareMutants, compareTable } from "../tests/compare.ts";
import { BAD_REQUESTS, BAD_RESPONSES, GOOD_REQUESTS, GOOD_RESPONSES } from "../tests/messages.ts";

const atEveryOffset = (bytes: Uint8Array): Uint8Array[][] =>
  bytes.length > 400
    ? [[bytes]]
    : Array.from({ length: bytes.length }, (_, at) => [bytes.slice(0, at), bytes.slice(at)]);

it("all messages of the table, cut at every offset, mean the same to node:http, or the reason why not is known", async () => {
  expect(await compareTable("request", [...GOOD_REQUESTS, ...BAD_REQUESTS], atEveryOffset)).toEqual([]);
  expect(await compareTable("response", [...GOOD_RESPONSES, ...BAD_RESPONSES], atEveryOffset)).toEqual([]);
}, 300_000);

it("many messages with random changes mean the same to node:http, or the reason why not is known", async () => {
  // The same in each build, so that a failure is there again; other numbers in the environment try others.
  const seed = Number(process.env["RONDO_SEED"] ?? 324_345);
  expect(await compareMutants("request", seed, 100_000)).toEqual([]);
  expect(await compareMutants("response", seed, 100_000)).toEqual([]);
}, 300_000);
