// A client: it looks for the replica that leads, and asks again until its command is done.
import { type Coroutine, sleep } from "rondo";
import { Caller } from "./caller.ts";
import type { Command, CommandReply } from "./messages.ts";
import type { Member } from "./replica.ts";

const PAUSE = 30;

export class Client {
  readonly name: string;
  private readonly callers: readonly Caller[];
  private readonly patience: number;
  private number = 0;
  /** Who led last. */
  private at = 0;

  /** After so many ms without an answer it asks another one. */
  constructor(name: string, members: readonly Member[], patience: number = 400) {
    this.name = name;
    this.patience = patience;
    this.callers = members.map((member) => new Caller(member));
  }

  *put(key: string, value: string): Coroutine<void> {
    yield* this.command({ op: "put", key, value });
  }

  get(key: string): Coroutine<string | null> {
    return this.command({ op: "get", key });
  }

  hangUp(): void {
    for (const caller of this.callers) caller.hangUp();
  }

  private *command(what: Pick<Command, "op" | "key" | "value">): Coroutine<string | null> {
    // One number for all its tries: it is one command.
    const command: Command = { client: this.name, number: ++this.number, ...what };
    for (;;) {
      const caller = this.callers[this.at] as Caller;
      const reply = yield* caller.ask<CommandReply>({ kind: "command", command }, this.patience);
      if (reply?.done === true) return reply.value;
      this.at = (this.at + 1) % this.callers.length;
      yield* sleep(PAUSE);
    }
  }
}
