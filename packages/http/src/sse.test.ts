import { Channel, Flow, group, run, sleep, VirtualHost } from "rondo";
import { describe, expect, test } from "vitest";
import { EventParser, serverEvents } from "./event-parser.ts";
import { formatEvent, type ServerEvent, sse } from "./sse.ts";

const virtually = <T>(main: () => Generator<any, T, any>): Promise<T> => run(main, { host: new VirtualHost() });

describe("an event that is sent", () => {
  test.each([
    ["hello", "data: hello\n\n"],
    ["a\nb\r\nc\rd", "data: a\ndata: b\ndata: c\ndata: d\n\n"],
    ["", "data: \n\n"],
    [{ event: "tick", id: "3", retry: 500, data: "x" }, "event: tick\nid: 3\nretry: 500\ndata: x\n\n"],
    [{ retry: 0 }, "retry: 0\n\n"],
  ] as const)("%j is %j", (event, text) => {
    expect(formatEvent(event)).toBe(text);
  });

  test("cannot smuggle another field in", () => {
    expect(() => formatEvent({ event: "a\ndata: evil" })).toThrow("cannot have a line break");
    expect(() => formatEvent({ id: "a\r" })).toThrow("cannot have a line break");
    expect(() => formatEvent({ id: "a\0" })).toThrow("NUL");
    expect(() => formatEvent({ retry: 1.5 })).toThrow("whole ms");
  });

  test("in the answer has the type, and is not to be stored", () => {
    const response = sse(Flow.from(["x"]), { heartbeat: Infinity, headers: { "x-a": "1" } });
    expect(response.headers.get("content-type")).toBe("text/event-stream");
    expect(response.headers.get("cache-control")).toBe("no-store");
    expect(response.headers.get("x-a")).toBe("1");
    expect(() => sse(Flow.from(["x"]), { heartbeat: 0 })).toThrow("heartbeat");
  });

  test("has a comment before it wherever there was nothing for as long as a heartbeat", async () => {
    await virtually(function* () {
      yield* group(function* (g) {
        const channel = new Channel<ServerEvent | string>(0);
        const body = sse(Flow.from<ServerEvent | string>(channel), { heartbeat: 10 }).body as Flow<string>;
        g.spawn(function* () {
          yield* sleep(35);
          yield* channel.send("one");
          yield* sleep(5);
          yield* channel.send("two");
          channel.close();
        });
        expect(yield* body.toArray()).toEqual([":\n\n", ":\n\n", ":\n\n", "data: one\n\n", "data: two\n\n"]);
      });
    });
  });

  test("a client that takes nothing has no comments piled up for it", async () => {
    await virtually(function* () {
      yield* group(function* () {
        const channel = new Channel<string>(10);
        const body = sse(Flow.from<ServerEvent | string>(channel), { heartbeat: 10 }).body as Flow<string>;
        expect(yield* body.next()).toBe(":\n\n");
        yield* sleep(10_000);
        channel.trySend("one");
        channel.close();
        const rest = yield* body.toArray();
        expect(rest.filter((text) => text === ":\n\n").length).toBeLessThan(3);
        expect(rest).toContain("data: one\n\n");
      });
    });
  });

  test("the events are closed when the answer is", async () => {
    await virtually(function* () {
      const log: string[] = [];
      yield* group(function* () {
        const events = Flow.from<string>(function* (emit) {
          try {
            for (;;) yield* emit("x");
          } finally {
            log.push("closed");
          }
        });
        const body = sse(events).body as Flow<string>;
        yield* body.next();
        body.close();
        yield* sleep(1);
        // Not only when the group ends, which would end them too.
        expect(log).toEqual(["closed"]);
      });
    });
  });
});

describe("events that are read", () => {
  const stream =
    "\ufeff: comment\nid: 1\nevent: add\ndata: 73857293\n\n" +
    "data\n\ndata\ndata\n\ndata:  two spaces\r\nretry: 2500\r\n\r\nid\ndata: a\rdata: b\r\rfoo: bar\n\nevent: lost\n\ndata: not whole";
  const expected = [
    { event: "add", data: "73857293", id: "1" },
    { event: "message", data: "", id: "1" },
    { event: "message", data: "\n", id: "1" },
    { event: "message", data: " two spaces", id: "1" },
    { event: "message", data: "a\nb", id: "" },
  ];

  test("are those of the standard's examples, with any line break", () => {
    const parser = new EventParser();
    expect(parser.push(stream)).toEqual(expected);
    expect(parser.retry).toBe(2500);
    expect(parser.lastId).toBe("");
  });

  test("are the same wherever the text is cut, also letter by letter", () => {
    for (let cut = 0; cut <= stream.length; cut++) {
      const parser = new EventParser();
      expect([...parser.push(stream.slice(0, cut)), ...parser.push(stream.slice(cut))]).toEqual(expected);
    }
    const parser = new EventParser();
    expect([...stream].flatMap((letter) => parser.push(letter))).toEqual(expected);
  });

  test("are refused when they are too long, in one line or in many", () => {
    const parser = new EventParser({ max: 100 });
    expect(() => {
      for (let i = 0; i < 200; i++) parser.push("x");
    }).toThrow("longer than 100");
    const other = new EventParser({ max: 100 });
    expect(() => {
      for (let i = 0; i < 200; i++) other.push("data: x\n");
    }).toThrow("longer than 100");
    const third = new EventParser({ max: 100 });
    for (let i = 0; i < 200; i++) third.push("data: x\n\n");
  });

  test("come out of bytes though a letter is cut in two", async () => {
    const bytes = new TextEncoder().encode("data: é\n\ndata: 漢\n\n");
    const events = await virtually(
      () => serverEvents(Flow.from(Array.from(bytes, (byte) => Uint8Array.of(byte)))).toArray() as never,
    );
    expect((events as { data: string }[]).map((event) => event.data)).toEqual(["é", "漢"]);
  });
});
