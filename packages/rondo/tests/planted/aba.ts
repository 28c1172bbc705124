/**
 * A list of free buffers that is changed by compare-and-swap, with a wait between the look and the swap. The first buffer may
 * be taken and given back meanwhile: it compares equal, but what came after it is another one's by now.
 */
import { Channel, type Coroutine, group } from "../../src/index.ts";
import { must, type Planted } from "./planted.ts";

interface Buffer {
  readonly name: string;
  next: Buffer | null;
  users: number;
}

class FreeList {
  protected first: Buffer | null = null;
  protected version = 0;
  protected readonly counted = new Channel<string>(64);

  constructor() {
    for (const name of ["c", "b", "a"]) this.give({ name, next: null, users: 0 });
  }

  *take(): Coroutine<Buffer | null> {
    for (;;) {
      const { first, version } = this;
      if (first === null) return null;
      const { next } = first;
      yield* this.counted.send(first.name);
      if (!this.same(first, version)) continue;
      this.version++;
      this.first = next;
      first.users++;
      must(first.users === 1, `buffer ${first.name} is used by two`);
      return first;
    }
  }

  give(buffer: Buffer): void {
    buffer.users = 0;
    buffer.next = this.first;
    this.first = buffer;
    this.version++;
  }

  protected same(first: Buffer, _version: number): boolean {
    return this.first === first;
  }
}

class MendedFreeList extends FreeList {
  protected override same(_first: Buffer, version: number): boolean {
    return this.version === version;
  }
}

function* program(list: FreeList): Coroutine<void> {
  yield* group(function* (g) {
    for (const user of ["x", "y"]) {
      g.spawn(
        function* () {
          const one = yield* list.take();
          const other = yield* list.take();
          if (one !== null) list.give(one);
          const third = yield* list.take();
          if (other !== null) list.give(other);
          if (third !== null) list.give(third);
        },
        { name: user },
      );
    }
  });
}

export const aba: Planted = {
  name: "ABA",
  about: "it looks as it did before, but it has been taken and given back meanwhile",
  on: "tasks",
  budget: 1500,
  broken: () => program(new FreeList()),
  mended: () => program(new MendedFreeList()),
};
