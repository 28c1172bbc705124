/**
 * Requests go out under the number of a free slot. A slot is free again once its request has timed out, and then a late answer
 * to that one is taken for the answer to the next one under the same number.
 */
import { Channel, type Coroutine, Deferred, group, moveOnAfter, sleep } from "../../src/index.ts";
import { type Dice, must, type Planted } from "./planted.ts";

interface Request {
  readonly id: number;
  readonly question: number;
}

class Client {
  protected readonly waiting = new Map<number, Deferred<number>>();
  readonly wire = new Channel<Request>(8);

  *ask(question: number): Coroutine<number | undefined> {
    const id = this.newId();
    const answer = new Deferred<number>({ name: `answer ${id}` });
    this.waiting.set(id, answer);
    yield* this.wire.send({ id, question });
    const got = yield* moveOnAfter(20, answer);
    this.waiting.delete(id);
    return got.value;
  }

  answered(id: number, answer: number): void {
    this.waiting.get(id)?.tryResolve(answer);
  }

  protected newId(): number {
    let id = 0;
    while (this.waiting.has(id)) id++;
    return id;
  }
}

class MendedClient extends Client {
  private last = 0;
  protected override newId(): number {
    return this.last++;
  }
}

function* program(client: Client, dice: Dice): Coroutine<void> {
  yield* group(function* (g) {
    g.spawn(
      function* () {
        yield* group(function* (server) {
          for (;;) {
            const request = yield* client.wire.receive();
            if (request === undefined) break;
            server.spawn(function* () {
              yield* sleep(dice.chance(0.05, "a slow answer") ? dice.integer(15, 60, "how slow") : 3);
              client.answered(request.id, request.question * 2);
            });
          }
        });
      },
      { name: "server" },
    );
    for (let question = 1; question <= 4; question++) {
      const answer = yield* client.ask(question);
      must(answer === undefined || answer === question * 2, `the answer to ${question} is ${answer}`);
      yield* sleep(1);
    }
    client.wire.close();
  });
}

export const recycledSlot: Planted = {
  name: "recycled number",
  about: "a late answer is taken for that to the next request under the same number",
  on: "tasks",
  budget: 500,
  broken: (dice) => program(new Client(), dice),
  mended: (dice) => program(new MendedClient(), dice),
};
