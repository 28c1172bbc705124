// Pipelines: a log is followed, filtered and summed up, by stages that know nothing of each other.
//
// Each stage takes a flow and gives a flow. Nothing is read before the last stage asks for it, and no stage can run ahead
// of the one after it, so a log of any size goes through in the memory of a few lines. After David Beazley's "Generator
// Tricks for Systems Programmers", where generators do the same for files; here a stage may also wait.
//
// Run it: node --conditions=rondo-source examples/pipelines/main.ts
import { type Coroutine, type Emit, Flow, interval, now, run, sleep, VirtualHost } from "rondo";

// ---- the log: pieces of text, as they would come from a socket, cut without regard for lines ---------------------------

const pieces = [
  "10.0.0.1 GET /index.html 200 5120\n10.0.0.2 GET /missing 4",
  "04 210\r\n10.0.0.1 GET /data.json 200 90000\n",
  "10.0.0.3 POST /login 500 0\n10.0.0.2 GET /data.json 200 90000\ngarbage\n10.0.0.4 GET /index",
  ".html 200 5120\n10.0.0.3 POST /login 500 0",
];

/** A source: gives a piece every 100 ms, and says when it is no longer wanted. */
function* follow(emit: Emit<string>): Coroutine<void> {
  try {
    for (const piece of pieces) {
      yield* sleep(100);
      yield* emit(piece);
    }
  } finally {
    console.log(`(the log is closed at ${now()} ms)`);
  }
}

// ---- the stages ------------------------------------------------------------------------------------------------------

interface Hit {
  readonly client: string;
  readonly path: string;
  readonly status: number;
  readonly bytes: number;
}

function parse(line: string): Hit | null {
  const match = /^(\S+) [A-Z]+ (\S+) (\d+) (\d+)$/.exec(line);
  return (
    match && { client: match[1] as string, path: match[2] as string, status: Number(match[3]), bytes: Number(match[4]) }
  );
}

/** The hits of a log. A stage is a function from flow to flow. */
function hits(text: Flow<string>): Flow<Hit> {
  return Flow.lines(text)
    .map(parse)
    .filter((hit) => hit !== null);
}

/** Finds out where a client is; asks a slow service, two questions at a time, and keeps the order. */
function located(flow: Flow<Hit>): Flow<Hit & { readonly country: string }> {
  return flow.mapConcurrent(2, function* (hit) {
    yield* sleep(30);
    return { ...hit, country: hit.client.endsWith("1") ? "IS" : "PT" };
  });
}

// ---- three questions --------------------------------------------------------------------------------------------------

function* main(): Coroutine<void> {
  console.log("How much was sent?");
  const bytes = yield* hits(Flow.from(follow)).reduce((sum, hit) => sum + hit.bytes, 0);
  console.log(`${bytes} bytes`);
  // prints: (the log is closed at 400 ms)
  // prints: 190450 bytes

  console.log("Which were the first two errors? (The rest of the log is not even read.)");
  yield* hits(Flow.from(follow))
    .filter((hit) => hit.status >= 400)
    .take(2)
    .forEach((hit) => console.log(`${hit.status} ${hit.path}`));
  // prints: 404 /missing
  // prints: 500 /login
  // prints: (the log is closed at 700 ms)

  console.log("Who asked for data, and from where? With a sign of life meanwhile.");
  const answers = located(hits(Flow.from(follow)))
    .filter((hit) => hit.path === "/data.json")
    .map((hit) => `${hit.client} (${hit.country})`);
  const signs = interval(150).map((tick) => `… ${tick * 150} ms`);
  yield* answers
    .merge(signs)
    .take(4)
    .forEach((text) => console.log(text));
  // prints: … 150 ms
  // prints: 10.0.0.1 (IS)
  // prints: … 300 ms
  // prints: 10.0.0.2 (PT)
}

await run(main, { host: new VirtualHost() });
