// PostgreSQL from coroutines, by the driver `pg`. The functions are those of docs/drivers.md, word for word: a test compares
// them.
import { Socket } from "node:net";

import { Client, type ClientConfig, DatabaseError, type Notification, type QueryResult, type QueryResultRow } from "pg";
import { cleanup, type Coroutine, defer, events, type Flow, type Operation, shield, until } from "rondo";
import { connect, connectUnix, exponential, type Pool, pool, retry } from "rondo/net";

export function* connectionTo(config: ClientConfig): Coroutine<Client> {
  const socket = new Socket();
  const client = new Client({ ...config, stream: () => socket });
  client.on("error", () => {}); // it broke while nobody used it: the next query, or check, is told
  let connected = false;
  try {
    yield* until(client.connect());
    connected = true;
    return client;
  } finally {
    if (!connected) socket.destroy(); // cancelled, or refused: nothing is left of it
  }
}

export function* database(config: ClientConfig, max: number): Coroutine<Pool<Client>> {
  return yield* pool({
    create: () => connectionTo(config),
    destroy: (client) => until(client.end()),
    *check(client) {
      yield* query(client, "ROLLBACK"); // whatever its last user left open
      return true;
    },
    max,
    idle: 60_000,
    name: config.database ?? "database",
  });
}

export function* query<Row extends QueryResultRow>(
  client: Client,
  text: string,
  values: readonly unknown[] = [],
): Coroutine<QueryResult<Row>> {
  const answer = client.query<Row>(text, [...values]);
  let answered = false;
  const settled = answer.then(
    () => void (answered = true),
    () => void (answered = true),
  );
  try {
    return yield* until(answer);
  } finally {
    if (!answered) {
      yield* cancelQuery(client);
      yield* until(settled); // the connection is free when the server has said what became of the query
    }
  }
}

export function* cancelQuery(client: Client): Coroutine<void> {
  const { host, port, processID, secretKey } = client as Client & { processID: number; secretKey: number };
  const request = new DataView(new ArrayBuffer(16));
  [16, 80_877_102, processID, secretKey].forEach((field, i) => request.setInt32(4 * i, field));
  const stream = yield* host.startsWith("/") ? connectUnix(`${host}/.s.PGSQL.${port}`) : connect({ host, port });
  yield* stream.write(new Uint8Array(request.buffer));
  yield* stream.read(); // the server hangs up when it has passed the request on
  yield* stream.close();
}

export function* transaction<T>(db: Pool<Client>, body: (client: Client) => Operation<T>): Coroutine<T> {
  return yield* db.with(function* (client) {
    let committed = false;
    try {
      yield* query(client, "BEGIN");
      const result = yield* body(client);
      yield* shield(query(client, "COMMIT")); // whoever is cancelled now still learns what became of it
      committed = true;
      return result;
    } finally {
      if (!committed) yield* cleanup(query(client, "ROLLBACK"));
    }
  });
}

export function* listen(client: Client, channel: string): Coroutine<Flow<string>> {
  const name = client.escapeIdentifier(channel);
  const heard = events<Notification>(client, "notification", { end: "end" });
  yield* query(client, `LISTEN ${name}`);
  defer(() => query(client, `UNLISTEN ${name}`));
  return heard.filter((notice) => notice.channel === channel).map((notice) => notice.payload ?? "");
}

export function mayPass(error: unknown): boolean {
  // Not the server's word: it cannot be reached, or the connection broke. Else: a deadlock, a conflict, a server that starts or
  // stops.
  return !(error instanceof DatabaseError) || /^(40001|40P01|08...|57P0[1-3])$/.test(error.code ?? "");
}

export function* patiently<T>(op: () => Operation<T>): Coroutine<T> {
  return yield* retry(op, { attempts: 20, backoff: exponential({ base: 20, cap: 2000 }), when: mayPass });
}
