/**
 * What `node:http` makes of bytes, on both sides, over a stream in memory: so that the same bytes can be given to it and to
 * the parsers here, and what they make of them compared.
 */
import http from "node:http";
import { Duplex } from "node:stream";
import type { Head, Reading } from "./readings.ts";

/** A stream in memory of which only the reading side matters. */
class Wire extends Duplex {
  override _read(): void {
    // What there is to read is pushed from outside.
  }
  override _write(_chunk: unknown, _encoding: unknown, done: () => void): void {
    done();
  }
  setTimeout(): this {
    return this;
  }
  setNoDelay(): this {
    return this;
  }
  setKeepAlive(): this {
    return this;
  }
  ref(): this {
    return this;
  }
  unref(): this {
    return this;
  }
}

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

/** All that has been set off by what was pushed has happened: nothing here waits for anything but turns of the loop. */
async function settled(): Promise<void> {
  for (let i = 0; i < 3; i++) await turn();
}

function pairsOf(raw: readonly string[]): [string, string][] {
  const pairs: [string, string][] = [];
  for (let i = 0; i < raw.length; i += 2) pairs.push([raw[i] as string, raw[i + 1] as string]);
  return pairs;
}

/** Collects a body, and tells when it is complete. */
function collect(message: http.IncomingMessage, head: Head, reading: Reading): void {
  message.setEncoding("latin1");
  message.on("data", (text: string) => (head.body += text));
  message.on("end", () => {
    if (!message.complete) return;
    head.complete = true;
    head.trailers = pairsOf(message.rawTrailers);
  });
  message.on("error", (error: NodeJS.ErrnoException) => (reading.refused ??= error.code ?? error.message));
}

/** A real server, to be given connections in memory. */
export class NodeServer {
  private readonly readings = new Map<unknown, Reading>();
  private readonly server: http.Server;

  constructor() {
    this.server = http.createServer({ keepAliveTimeout: 0, requestTimeout: 0, headersTimeout: 0 });
    const start = (request: http.IncomingMessage, response?: http.ServerResponse) => {
      const head: Head = {
        first: `${request.method} ${request.url} ${request.httpVersion}`,
        headers: pairsOf(request.rawHeaders),
        body: "",
        complete: false,
        trailers: [],
      };
      const reading = this.readings.get(request.socket) as Reading;
      reading.heads.push(head);
      collect(request, head, reading);
      // Answered when it is read: the connection goes on as long as the client wants it to.
      if (response !== undefined)
        request.on("end", () => {
          reading.over ||= !response.shouldKeepAlive;
          response.end();
        });
      return head;
    };
    this.server.on("request", start);
    this.server.on("checkContinue", start);
    // What follows belongs to another protocol; a body that comes before it (RFC 9110 section 7.8), Node takes for that.
    const switched = (request: http.IncomingMessage) => {
      const { headers } = request;
      const head = start(request);
      const reading = this.readings.get(request.socket) as Reading;
      reading.over = true;
      if (Number(headers["content-length"] ?? 0) > 0 || "transfer-encoding" in headers) {
        reading.heads.pop();
        reading.blind = true;
      } else head.complete = true;
    };
    this.server.on("connect", switched);
    this.server.on("upgrade", switched);
    this.server.on("clientError", (error: NodeJS.ErrnoException, socket: Duplex) => {
      const reading = this.readings.get(socket);
      if (reading !== undefined) reading.refused ??= error.code ?? error.message;
      // Not at once: the messages before it are given to those who read them in a later turn.
      setImmediate(() => socket.destroy());
    });
  }

  /** What the server makes of these pieces. */
  async read(pieces: readonly Uint8Array[]): Promise<Reading> {
    const reading: Reading = { heads: [], refused: undefined, over: false };
    const wire = new Wire();
    wire.on("error", () => {});
    // The server refuses some by itself, with an answer and no event.
    const said: string[] = [];
    wire._write = (chunk: Uint8Array, _encoding, done) => {
      said.push(Buffer.from(chunk).toString("latin1"));
      done();
    };
    this.readings.set(wire, reading);
    this.server.emit("connection", wire);
    for (const piece of pieces) {
      if (wire.destroyed) break;
      wire.push(Buffer.from(piece));
      if (pieces.length > 1) await turn();
    }
    await settled();
    const own = /^HTTP\/1\.1 (4\d\d)/m.exec(said.join(""));
    if (own !== null) reading.refused ??= own[1];
    this.readings.delete(wire);
    const result = { ...reading };
    wire.destroy();
    await turn();
    return result;
  }
}

/** What Node's client makes of these pieces as the answer to one request. */
export async function readAsNodeClient(method: string, pieces: readonly Uint8Array[], ends: boolean): Promise<Reading> {
  const reading: Reading = { heads: [], refused: undefined, over: false };
  const wire = new Wire();
  wire.on("error", () => {});
  const request = http.request({
    method,
    path: method === "CONNECT" ? "a:1" : "/",
    createConnection: () => wire as never,
  });
  const start = (response: http.IncomingMessage) => {
    const head: Head = {
      first: `${response.statusCode} ${response.statusMessage} ${response.httpVersion}`,
      headers: pairsOf(response.rawHeaders),
      body: "",
      complete: false,
      trailers: [],
    };
    reading.heads.push(head);
    return head;
  };
  request.on("response", (response) => {
    collect(response, start(response), reading);
    response.on("end", () => (reading.over = response.complete));
  });
  const switched = (response: http.IncomingMessage) => {
    start(response).complete = true;
    reading.over = true;
  };
  request.on("connect", switched);
  request.on("upgrade", switched);
  request.on("error", (error: NodeJS.ErrnoException) => (reading.refused ??= error.code ?? error.message));
  request.end();
  await settled();
  for (const piece of pieces) {
    if (wire.destroyed) break;
    wire.push(Buffer.from(piece));
    if (pieces.length > 1) await turn();
  }
  if (ends && !wire.destroyed) wire.push(null);
  await settled();
  const result = { ...reading };
  request.destroy();
  wire.destroy();
  await turn();
  return result;
}
