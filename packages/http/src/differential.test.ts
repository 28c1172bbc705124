/**
 * The same bytes to these parsers and to `node:http`: what both take must be the same to both, and where only one takes it
 * the reason stands in a table (tests/differences.ts). The soak test does the same with far more of it.
 */
import { expect, it } from "vitest";
import { compareMutants, compareTable } from "../tests/compare.ts";
import { LENIENT, STRICTER } from "../tests/differences.ts";
import { BAD_REQUESTS, BAD_RESPONSES, GOOD_REQUESTS, GOOD_RESPONSES } from "../tests/messages.ts";

it("all messages of the table mean the same to node:http, or the reason why not is known", async () => {
  expect(await compareTable("request", [...GOOD_REQUESTS, ...BAD_REQUESTS], (bytes) => [[bytes]])).toEqual([]);
  expect(await compareTable("response", [...GOOD_RESPONSES, ...BAD_RESPONSES], (bytes) => [[bytes]])).toEqual([]);
});

it("messages with random changes, in random pieces, mean the same to node:http, or the reason why not is known", async () => {
  expect(await compareMutants("request", 1, 600)).toEqual([]);
  expect(await compareMutants("response", 1, 600)).toEqual([]);
});

it("every known difference names the section of a standard", () => {
  for (const { rfc, why } of [...STRICTER, ...LENIENT]) {
    expect(rfc).toMatch(/^RFC \d+ sections? \d/);
    expect(why).not.toBe("");
  }
});
