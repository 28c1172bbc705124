// A way to one server: a connection that is made when it is needed, and one question on it at a time.
//
// An answer that comes too late must not be taken for the answer to the next question. So a question that is given up takes
// its connection with it.
import { BrokenError, ClosedError, type Coroutine, type Flow, Lock, moveOnAfter } from "rondo";
import { type ByteStream, connect, ConnectError, SystemError } from "rondo/net";

export interface Address {
  readonly host: string;
  readonly port: number;
}

interface Connection {
  readonly stream: ByteStream;
  readonly lines: Flow<string>;
}

export class Caller {
  private readonly address: Address;
  private readonly turn = new Lock({ name: "connection" });
  private connection: Connection | null = null;

  constructor(address: Address) {
    this.address = address;
  }

  /** Asks, and gives the answer; undefined where none came within so many ms. */
  *ask<Reply>(question: unknown, within: number): Coroutine<Reply | undefined> {
    using _turn = yield* this.turn.hold();
    let answered = false;
    try {
      const answer = yield* moveOnAfter(within, () => this.exchange(`${JSON.stringify(question)}\n`));
      answered = answer.value !== undefined;
      return answer.value === undefined ? undefined : (JSON.parse(answer.value) as Reply);
    } catch (error) {
      if (isTrouble(error)) return undefined;
      throw error;
    } finally {
      if (!answered) this.hangUp();
    }
  }

  hangUp(): void {
    this.connection?.stream.abort();
    this.connection = null;
  }

  private *exchange(line: string): Coroutine<string | undefined> {
    if (this.connection === null) {
      const stream = yield* connect(this.address);
      this.connection = { stream, lines: stream.lines() };
    }
    const { stream, lines } = this.connection;
    yield* stream.write(line);
    return yield* lines.next();
  }
}

/** What networks do: the peer is gone, or was never there. */
function isTrouble(error: unknown): boolean {
  return (
    error instanceof BrokenError ||
    error instanceof ClosedError ||
    error instanceof ConnectError ||
    error instanceof SystemError
  );
}
