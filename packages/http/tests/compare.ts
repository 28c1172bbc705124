/** Runs comparisons with `node:http`, and gives those that came out different without a known reason. */
import { difference } from "./differences.ts";
import { bytesOf } from "./events.ts";
import { BAD_REQUESTS, BAD_RESPONSES, GOOD_REQUESTS, GOOD_RESPONSES, type Message } from "./messages.ts";
import { mutated, pieces, random } from "./mutate.ts";
import { NodeServer, readAsNodeClient } from "./node-http.ts";
import { readRequests, readResponse } from "./readings.ts";

type Side = "request" | "response";

/** More than so many are not shown. */
const SHOWN = 5;
/** What is changed at random is short: most of the long ones is padding. */
const SHORT = 400;

async function compare(
  side: Side,
  server: NodeServer,
  text: string,
  parts: readonly Uint8Array[],
  method: string,
  ends: boolean,
): Promise<string | undefined> {
  if (side === "request") return difference(text, readRequests(parts), await server.read(parts));
  return difference(text, readResponse(method, parts, ends), await readAsNodeClient(method, parts, ends));
}

/** Each message in all the ways in which `cut` puts it into pieces. */
export async function compareTable(
  side: Side,
  messages: readonly Message[],
  cut: (bytes: Uint8Array) => Uint8Array[][],
): Promise<string[]> {
  const server = new NodeServer();
  const found: string[] = [];
  for (const { name, text, method = "GET", ends = false } of messages)
    for (const parts of cut(bytesOf(text))) {
      const what = await compare(side, server, text, parts, method, ends);
      if (what !== undefined) found.push(`${name} (${parts.map((part) => part.length).join(" + ")} bytes): ${what}`);
      if (found.length >= SHOWN) return found;
    }
  return found;
}

/** So many messages that are nearly right. */
export async function compareMutants(side: Side, seed: number, count: number): Promise<string[]> {
  const all = side === "request" ? [...GOOD_REQUESTS, ...BAD_REQUESTS] : [...GOOD_RESPONSES, ...BAD_RESPONSES];
  const texts = all.map((message) => message.text).filter((text) => text.length < SHORT);
  const server = new NodeServer();
  const found: string[] = [];
  for (let i = 0; i < count && found.length < SHOWN; i++) {
    const next = random(seed * 1_000_003 + i);
    const text = mutated(texts, next);
    const parts = pieces(bytesOf(text), next);
    const method = ["GET", "GET", "POST", "HEAD"][next(4)] as string;
    const ends = next(2) === 0;
    const what = await compare(side, server, text, parts, method, ends);
    if (what !== undefined)
      found.push(
        `seed ${seed}, ${i}, ${method}${ends ? ", ends" : ""}: ${JSON.stringify(text)} ` +
          `(${parts.map((part) => part.length).join(" + ")} bytes): ${what}`,
      );
  }
  return found;
}
