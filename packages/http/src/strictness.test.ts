/**
 * What is understood and what is refused, by the section of the RFC; and that it makes no difference how the bytes are cut.
 */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { bytesOf, inPieces, requestEvents, responseEvents } from "../tests/events.ts";
import { BAD_REQUESTS, BAD_RESPONSES, GOOD_REQUESTS, GOOD_RESPONSES, type Message } from "../tests/messages.ts";
import { mutated, pieces, random } from "../tests/mutate.ts";

// Tens of thousands of errors are made here, and nobody reads where.
const { stackTraceLimit } = Error;
beforeAll(() => {
  Error.stackTraceLimit = 0;
});
afterAll(() => {
  Error.stackTraceLimit = stackTraceLimit;
});

type Read = (message: Message, pieces: Uint8Array[]) => string[];

const readRequest: Read = (message, pieces) => requestEvents(pieces, message.ends);
const readResponse: Read = (message, pieces) => responseEvents([message.method ?? "GET"], pieces, message.ends);

/** Some of the messages are long, and cut at every offset only near their ends and every so often between. */
function cutsOf(length: number): number[] {
  const cuts: number[] = [];
  const step = length < 400 ? 1 : 97 + Math.floor(length / 50);
  for (let at = 1; at < length; at += at > 64 && at < length - 64 ? step : 1) cuts.push(at);
  return cuts;
}

for (const [side, good, bad, read] of [
  ["a request", GOOD_REQUESTS, BAD_REQUESTS, readRequest],
  ["a response", GOOD_RESPONSES, BAD_RESPONSES, readResponse],
] as const) {
  describe(`${side} is understood:`, () => {
    for (const message of good)
      it(`${message.rfc}: ${message.name}`, () => {
        const events = read(message, [bytesOf(message.text)]);
        expect(events.filter((line) => line.startsWith("head "))).toHaveLength(1);
        expect(events.filter((line) => line.startsWith("data "))).toEqual(
          message.body === "" ? [] : [`data ${message.body}`],
        );
        expect(events.some((line) => line.startsWith("end "))).toBe(true);
        expect(events.at(-1)).toBe(message.ends === true ? "closed" : "need");
      });
  });

  describe(`${side} is refused:`, () => {
    for (const message of bad)
      it(`${message.rfc}: ${message.name}`, () => {
        const last = read(message, [bytesOf(message.text)]).at(-1) as string;
        expect(last).toMatch(/^(ProtocolError|MessageTooLargeError|TruncatedError) /);
        expect(last).toContain(`Error ${message.status} ${message.rfc}: `);
      });
  });

  it(`${side} that comes byte by byte is read as one that comes whole`, () => {
    for (const message of [...good, ...bad]) {
      const bytes = bytesOf(message.text);
      expect(read(message, inPieces(bytes, 1)), message.name).toEqual(read(message, [bytes]));
    }
  });

  it(`${side} that is cut at any offset is read as one that comes whole`, { tags: ["long"] }, () => {
    for (const message of [...good, ...bad]) {
      const bytes = bytesOf(message.text);
      const whole = read(message, [bytes]);
      for (const at of cutsOf(bytes.length)) {
        const events = read(message, [bytes.slice(0, at), bytes.slice(at)]);
        // Compared by hand: so many assertions would take longer than what they assert.
        if (events.join("\n") !== whole.join("\n")) expect(events, `${message.name}, cut at ${at}`).toEqual(whole);
      }
    }
  });

  it(`${side} that lies in the middle of a larger piece is read as one by itself`, () => {
    for (const message of good) {
      const bytes = bytesOf(`${"\0".repeat(7)}${message.text}`).subarray(7);
      expect(read(message, [bytes]), message.name).toEqual(read(message, [bytesOf(message.text)]));
    }
  });
}

it("requests that follow each other are read the same however they are cut", () => {
  const text = GOOD_REQUESTS.filter((one) => one.text.length < 300)
    .map((one) => one.text)
    .join("");
  const bytes = bytesOf(text);
  const whole = requestEvents([bytes]);
  expect(whole.filter((line) => line.startsWith("head ")).length).toBeGreaterThan(40);
  for (const size of [1, 2, 3, 7, 64, 1000]) expect(requestEvents(inPieces(bytes, size))).toEqual(whole);
});

it("messages with random changes are read, or refused with the same words, however they are cut", () => {
  // With limits so narrow that most messages meet one somewhere.
  const narrow = { head: 120, target: 40, fields: 3, body: 6, chunkExtension: 4 };
  const requests = [...GOOD_REQUESTS, ...BAD_REQUESTS];
  const responses = [...GOOD_RESPONSES, ...BAD_RESPONSES];
  const narrowRequest: Read = (message, pieces) => requestEvents(pieces, message.ends, narrow);
  const narrowResponse: Read = (message, pieces) => responseEvents(["GET"], pieces, message.ends, narrow);
  for (const [messages, read] of [
    [requests, readRequest],
    [responses, readResponse],
    [requests, narrowRequest],
    [responses, narrowResponse],
  ] as const) {
    const texts = messages.map((message) => message.text).filter((text) => text.length < 400);
    for (let seed = 0; seed < 500; seed++) {
      const next = random(seed);
      const message: Message = { rfc: "", name: "", text: mutated(texts, next), ends: next(2) === 0 };
      const bytes = bytesOf(message.text);
      const whole = read(message, [bytes]);
      for (const parts of [inPieces(bytes, 1), pieces(bytes, next), pieces(bytes, next)]) {
        const events = read(message, parts);
        if (events.join("\n") !== whole.join("\n")) expect(events, JSON.stringify(message.text)).toEqual(whole);
      }
    }
  }
});
