// Ten thousand connections on which nothing happens: how many bytes of memory each of them takes in the server. All of its
// memory that is resident, not its heap alone: most of a socket is outside the heap.
import { execFileSync } from "node:child_process";
import { Server, theLoad } from "../net/peers.ts";
import type { Contestant, Workload } from "../workload.ts";

/** A server may have so many descriptors: Node raises its own limit as far as it may. Elsewhere than on Unix: any number. */
function descriptors(): number {
  if (process.platform !== "linux") return 0;
  const limit = execFileSync("sh", ["-c", "ulimit -Hn"], { encoding: "utf8" }).trim();
  return limit === "unlimited" ? Infinity : Number(limit);
}

function contestant(name: string): Contestant {
  return {
    name,
    async run(amount) {
      const allowed = descriptors();
      if (allowed < amount + 200) {
        if (name === "Rondo")
          process.stderr.write(
            `  idle-bytes: skipped, since ${amount} connections take as many descriptors, of ${allowed}\n`,
          );
        return undefined;
      }
      const server = await Server.start(name, "echo");
      const load = theLoad();
      const port = server.ports[0] as number;
      // The first ones bring the code with them.
      await load.order({ do: "open", name: "first", port, connections: 100 });
      await load.order({ do: "echo", name: "first", messages: 100, size: 64, inFlight: 1 });
      const before = await server.memory();
      await load.order({ do: "open", name: "idle", port, connections: amount });
      const held = (await server.memory()) - before;
      await load.order({ do: "close", name: "idle" });
      server.stop();
      return held;
    },
  };
}

export const idleBytes: Workload = {
  name: "idle-bytes",
  title: "memory of an idle connection",
  table: "net",
  unit: "bytes",
  amount: 10_000,
  alone: true,
  contestants: ["Rondo", "Node", "asyncio", "uvloop"].map(contestant),
};
