/**
 * Two streams with somebody in the middle who sees every byte: may cut the connection, change what passes, or count it.
 */
import type { Coroutine, Group } from "../src/index.ts";
import { BrokenError, ClosedError } from "../src/index.ts";
import { type ByteStream, memoryPair } from "../src/net/index.ts";

/** What the one in the middle does. */
export interface Middle {
  /** Called for every chunk that passes; what it gives is passed on. `"cut"` ends both sides as a lost connection does. */
  readonly pass?: (chunk: Uint8Array, to: "server" | "client", before: number) => Uint8Array | "cut";
}

/** A wire: its two ends, and how to cut it. */
export interface Wire {
  readonly client: ByteStream;
  readonly server: ByteStream;
  /** Ends both sides, without a word of any protocol. */
  cut(): void;
  /** How many bytes have passed, in both directions. */
  readonly passed: number;
}

export function wire(g: Group, { pass }: Middle = {}): Wire {
  const [client, near] = memoryPair({ names: ["client", "near"] });
  const [far, server] = memoryPair({ names: ["far", "server"] });
  let passed = 0;
  let isCut = false;

  const cut = (): void => {
    isCut = true;
    g.spawn(function* cutter() {
      yield* near.close();
      yield* far.close();
    });
  };

  function* pump(from: ByteStream, to: ByteStream, towards: "server" | "client"): Coroutine<void> {
    try {
      for (let chunk = yield* from.read(); chunk !== undefined; chunk = yield* from.read()) {
        const next = pass === undefined ? chunk : pass(chunk, towards, passed);
        if (next === "cut" || isCut) {
          if (!isCut) cut();
          return;
        }
        passed += chunk.length;
        yield* to.write(next);
      }
      yield* to.end();
    } catch (error) {
      if (error instanceof ClosedError) return; // cut
      if (!(error instanceof BrokenError)) throw error;
      to.abort();
      from.abort();
    }
  }

  g.spawn(pump(near, far, "server"), { name: "wire to server", daemon: true });
  g.spawn(pump(far, near, "client"), { name: "wire to client", daemon: true });
  return {
    client,
    server,
    cut,
    get passed() {
      return passed;
    },
  };
}
