/** A cluster for the tests: tells what happens as lines of JSON, and serves its process id. */
import { run, sleep } from "rondo";
import { cluster, serve, text } from "@rondo/http";

const say = (value: unknown): void => console.log(JSON.stringify(value));
const port = Number(process.argv[2]);

await run(() =>
  cluster({ workers: 2, within: 3000, onEvent: say }, function* ({ pid, index }) {
    yield* serve({
      host: "127.0.0.1",
      port,
      *handler(request) {
        if (request.path === "/slow") yield* sleep(300);
        if (request.path === "/crash") process.exit(7);
        if (request.path === "/never") yield* sleep(1e9);
        return text(`${pid} ${index}`);
      },
    });
  }),
);
