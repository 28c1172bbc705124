// A replicated log: three replicas agree on one order of commands, and go on when one of them is gone.
//
// This is the program as it runs for real, on three ports of this machine. What it is worth is shown elsewhere: the same code
// runs in a simulated world (simulation.ts), where the network is cut, computers crash and come back, stand still, and have
// clocks that are wrong, a thousand times over.
//
// Run it: node --conditions=rondo-source examples/replicated-log/main.ts
import { type Coroutine, group, run, sleep, type Task } from "rondo";
import { listen } from "rondo/net";
import { Client } from "./client.ts";
import { MemoryMedium } from "./journal.ts";
import { type Member, Replica } from "./replica.ts";

function* leaderOf(replicas: readonly Replica[]): Coroutine<Replica> {
  for (;;) {
    const leader = replicas.find(({ role }) => role === "leader");
    if (leader !== undefined) return leader;
    yield* sleep(10);
  }
}

await run(() =>
  group(function* (g) {
    const listeners = yield* listening(["ann", "bob", "eve"]);
    const members = listeners.map(({ name, listener }): Member => {
      const { host, port } = listener.address;
      return { name, host, port };
    });
    const tasks = new Map<string, Task<void>>();
    const replicas = listeners.map(({ name, listener }) => {
      const replica = new Replica({ name, members, medium: new MemoryMedium() });
      tasks.set(name, g.spawn(replica.run(listener), { name }));
      return replica;
    });

    const client = new Client("client", members);
    yield* client.put("colour", "green");
    console.log("colour is", yield* client.get("colour")); // prints: colour is green

    const leader = yield* leaderOf(replicas);
    (tasks.get(leader.name) as Task<void>).cancel("the power has failed");
    leader.role = "follower"; // it is gone; nobody is to find it
    yield* client.put("shape", "round");
    console.log("colour is still", yield* client.get("colour")); // prints: colour is still green
    console.log("shape is", yield* client.get("shape")); // prints: shape is round
    const next = yield* leaderOf(replicas);
    console.log("another one leads:", next !== leader, "in a later term:", next.term > leader.term);
    // prints: another one leads: true in a later term: true
    client.hangUp();
    g.cancel("the demonstration is over");
  }),
);

function* listening(names: readonly string[]) {
  const all = [];
  for (const name of names) all.push({ name, listener: yield* listen({ host: "127.0.0.1", port: 0 }) });
  return all;
}
