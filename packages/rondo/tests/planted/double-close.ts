/**
 * Whoever ends first closes. Between the look whether it is closed and the closing stands a last word to the peer; so both
 * may close, and the second closes what has been given to somebody else under the same number.
 */
import { Channel, type Coroutine, group } from "../../src/index.ts";
import { must, type Planted } from "./planted.ts";

class Descriptors {
  readonly open = new Map<number, string>();

  make(owner: string): number {
    let number = 3;
    while (this.open.has(number)) number++;
    this.open.set(number, owner);
    return number;
  }

  close(number: number): void {
    this.open.delete(number);
  }
}

class Connection {
  protected closed = false;
  protected readonly system: Descriptors;
  protected readonly number: number;
  protected readonly peer = new Channel<string>(8);

  constructor(system: Descriptors) {
    this.system = system;
    this.number = system.make("connection");
  }

  *close(): Coroutine<void> {
    if (this.closed) return;
    yield* this.peer.send("bye");
    this.closed = true;
    this.system.close(this.number);
  }
}

class MendedConnection extends Connection {
  override *close(): Coroutine<void> {
    if (this.closed) return;
    this.closed = true;
    yield* this.peer.send("bye");
    this.system.close(this.number);
  }
}

function* program(system: Descriptors, connection: Connection): Coroutine<void> {
  yield* group(function* (g) {
    g.spawn(() => connection.close(), { name: "reader" });
    g.spawn(
      function* () {
        yield* connection.close();
        system.make("database");
      },
      { name: "writer" },
    );
  });
  must([...system.open.values()].includes("database"), "the descriptor of the database was closed by another");
}

function twin(Kind: typeof Connection): Coroutine<void> {
  const system = new Descriptors();
  return program(system, new Kind(system));
}

export const doubleClose: Planted = {
  name: "double close",
  about: "two tasks find it open, and both close it: the second one closes a stranger's",
  on: "tasks",
  budget: 100,
  broken: () => twin(Connection),
  mended: () => twin(MendedConnection),
};
