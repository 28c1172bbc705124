// Ten thousand connections on which nothing happens: how much memory the server has with them, and by how much it has grown
// for them, both for one connection. All of its memory that is resident, not its heap alone: part of a socket is outside.
import { execFileSync } from "node:child_process";
import { Server, theLoad } from "../net/peers.ts";
import type { Contestant, Workload } from "../workload.ts";

/** A server may have so many descriptors: Node raises its own limit as far as it may. Elsewhere than on Unix: any number. */
function descriptors(): number {
  if (process.platform !== "linux") return 0;
  const limit = execFileSync("sh", ["-c", "ulimit -Hn"], { encoding: "utf8" }).trim();
  return limit === "unlimited" ? Infinity : Number(limit);
}

function contestant(name: string, grown: boolean): Contestant {
  return {
    name,
    async run(amount) {
      const allowed = descriptors();
      if (allowed < amount + 200) {
        if (name === "Rondo")
          process.stderr.write(`  skipped, since ${amount} connections take as many descriptors, of ${allowed}\n`);
        return undefined;
      }
      const server = await Server.start(name, "echo");
      const load = theLoad();
      const port = server.ports[0] as number;
      // The first ones bring the code with them.
      await load.order({ do: "open", name: "first", port, connections: 100 });
      await load.order({ do: "echo", name: "first", messages: 100, size: 64, inFlight: 1 });
      const before = grown ? await server.memory() : 0;
      await load.order({ do: "open", name: "idle", port, connections: amount });
      const held = (await server.memory()) - before;
      await load.order({ do: "close", name: "idle" });
      server.stop();
      return held;
    },
  };
}

function workload(name: string, title: string, grown: boolean): Workload {
  return {
    name,
    title,
    table: "net",
    unit: "bytes",
    amount: 10_000,
    alone: true,
    contestants: ["Rondo", "Node", "asyncio", "uvloop"].map((who) => contestant(who, grown)),
  };
}

/** All of the server's memory. */
export const idleBytes: Workload = workload("idle-bytes", "a server with 10,000 idle connections, for one", false);

/** What it was without them is taken off. Memory that Node had in reserve was there before, and does not show. */
export const idleGrowth: Workload = workload("idle-growth", "what it has grown by, for one", true);
