/** A question is sent, then its sender begins to listen: an answer that is quicker than that is heard by nobody. */
import { Broadcast, Channel, type Coroutine, group } from "../../src/index.ts";
import { must, type Planted } from "./planted.ts";

function* ask(questions: Channel<number>, answers: Broadcast<number>): Coroutine<number | undefined> {
  yield* questions.send(1);
  using heard = answers.subscribe();
  return yield* heard.receive();
}

function* mendedAsk(questions: Channel<number>, answers: Broadcast<number>): Coroutine<number | undefined> {
  using heard = answers.subscribe();
  yield* questions.send(1);
  return yield* heard.receive();
}

function* program(question: typeof ask): Coroutine<void> {
  yield* group(function* (g) {
    const questions = new Channel<number>(4);
    const answers = new Broadcast<number>(4);
    g.spawn(
      function* () {
        for (let asked = yield* questions.receive(); asked !== undefined; asked = yield* questions.receive())
          yield* answers.send(asked + 1);
      },
      { name: "server" },
    );
    const answer = yield* question(questions, answers);
    must(answer === 2, `the answer is ${answer}`);
    questions.close();
  });
}

export const lateSubscriber: Planted = {
  name: "late subscriber",
  about: "the answer is there before anybody listens",
  on: "tasks",
  budget: 100,
  broken: () => program(ask),
  mended: () => program(mendedAsk),
};
