/** A body on its way out while the answer may come in already. */
import { BrokenError, ClosedError, type Coroutine, currentGroup, Flow, Gate, moveOnAfter, type Task } from "rondo";

import type { ResponseHead } from "../response-parser.ts";
import { chunkOf, lastChunk } from "../writer.ts";
import type { ClientConnection } from "./connection.ts";
import type { Loan } from "./response.ts";

const encoder = new TextEncoder();

/**
 * Sends a body beside the reading of the answer, since a server may answer before it has read all, and may stop reading then.
 * It is a task of the group around; the answer ends it, if it has not ended itself.
 */
export class Sender {
  /** Why the body could not be sent: what its flow threw. */
  failure: unknown;
  private readonly connection: ClientConnection;
  private readonly content: string | Uint8Array | Flow<Uint8Array | string>;
  private readonly consent: number | undefined;
  private task: Task | undefined;
  private go: (() => void) | undefined;
  private allowed: boolean;
  private done: boolean;

  constructor(
    connection: ClientConnection,
    content: string | Uint8Array | Flow<Uint8Array | string>,
    consent: number | undefined,
  ) {
    this.failure = undefined;
    this.connection = connection;
    this.content = content;
    this.consent = consent;
    this.task = undefined;
    this.go = undefined;
    this.allowed = consent === undefined;
    this.done = false;
  }

  /** The head of the answer, while the body is sent. */
  *headOf(onInterim: ((head: ResponseHead) => void) | undefined): Coroutine<ResponseHead> {
    this.task = currentGroup().spawn(() => this.send(), { daemon: true, name: "request body" });
    const head = yield* this.connection.readHead((interim) => {
      if (interim.status === 100) {
        this.allowed = true;
        this.go?.();
      }
      onInterim?.(interim);
    });
    // A refusal that came instead of the consent: then the body is not sent at all.
    if (!this.allowed && head.status >= 400) this.cancel();
    return head;
  }

  /** The loan, given back only when the body has been sent, and else closed. */
  guard(loan: Loan): Loan {
    return {
      connection: loan.connection,
      release: () => {
        if (!this.done) {
          this.cancel();
          loan.connection.abort();
        }
        loan.release();
      },
    };
  }

  cancel(): void {
    this.task?.cancel("the answer is there");
  }

  private *send(): Coroutine<void> {
    const { connection, content } = this;
    try {
      if (!this.allowed) yield* this.waitForConsent();
      if (content instanceof Flow) {
        try {
          yield* content.forEach((piece) => this.piece(piece));
        } finally {
          content.close();
        }
        yield* connection.sendMore(lastChunk());
      } else yield* connection.sendMore(typeof content === "string" ? encoder.encode(content) : content);
      this.done = true;
    } catch (error) {
      // Where the server has stopped reading it has said why, or will not: whoever reads the answer finds out.
      if (error instanceof BrokenError || error instanceof ClosedError) return;
      this.failure = error;
      connection.abort();
    }
  }

  private *piece(piece: Uint8Array | string): Coroutine<void> {
    const bytes = typeof piece === "string" ? encoder.encode(piece) : piece;
    if (bytes.length > 0) yield* this.connection.sendMore(chunkOf(bytes));
  }

  private *waitForConsent(): Coroutine<void> {
    const gate = new Gate();
    this.go = () => gate.open();
    yield* moveOnAfter(this.consent as number, gate.wait());
    this.allowed = true;
  }
}
