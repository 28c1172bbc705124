// What the rule knows of Rondo's own names: which exports make an operation, and which methods of its classes do.
//
// The rule never looks at types, so this list is all it has to tell `sleep(10)` from `now()`. It is kept as plain data,
// and vocabulary.test.ts holds it against the real exports and their real types: a name that is added to the runtime
// and not classified here fails that test.

/** For each entry point, the functions that make an operation: something that does nothing until `yield*` runs it. */
export const operations = {
  "@rondo/http": ["cluster", "connectWebSocket", "fetch", "file", "serve", "serveStream"],
  rondo: [
    "all",
    "allSettled",
    "any",
    "checkpoint",
    "cleanup",
    "deadline",
    "group",
    "inContext",
    "map",
    "moveOnAfter",
    "race",
    "scope",
    "select",
    "shield",
    "sleep",
    "sleepUntil",
    "stopping",
    "suspend",
    "timeout",
    "until",
  ],
  "rondo/coroutine": ["ask", "call"],
  "rondo/net": [
    "connect",
    "connectTls",
    "connectUnix",
    "copy",
    "listen",
    "listenTls",
    "listenUnix",
    "pool",
    "resolve",
    "resolve4",
    "resolve6",
    "resolveCname",
    "resolveMx",
    "resolveNs",
    "resolveRecords",
    "resolveSrv",
    "resolveTxt",
    "retry",
    "reverse",
    "serve",
    "serveTls",
    "startTls",
    "udp",
  ],
  "rondo/os": [
    "appendFile",
    "changeMode",
    "copyFile",
    "exec",
    "exists",
    "makeDir",
    "makeLink",
    "offload",
    "offloadProcess",
    "open",
    "readDir",
    "readFile",
    "readLink",
    "realPath",
    "remove",
    "rename",
    "spawnProcess",
    "stat",
    "temporaryDir",
    "writeFile",
  ],
} as const;

/** For each class or interface of Rondo, the methods that make an operation. */
export const methods = {
  Barrier: ["wait"],
  Broadcast: ["send"],
  BroadcastSender: ["send"],
  ByteStream: ["close", "end", "read", "readExactly", "readInto", "readUntil", "write"],
  Channel: ["receive", "send"],
  Client: ["fetch"],
  ClientResponse: ["bytes", "json", "text"],
  Condition: ["acquire", "hold", "wait", "waitFor", "with"],
  Deferred: ["wait"],
  Disk: ["append", "exists", "fsync", "list", "read", "remove", "rename", "stat", "truncate", "write", "writeAt"],
  File: [
    "changeMode",
    "close",
    "read",
    "readAt",
    "readInto",
    "readIntoAt",
    "stat",
    "sync",
    "truncate",
    "write",
    "writeAt",
  ],
  Flow: ["batch", "forEach", "next", "reduce", "toArray"],
  Gate: ["wait"],
  Group: ["ended", "next", "start"],
  History: ["call"],
  HttpRequest: ["bytes", "form", "json", "read", "text"],
  HttpServer: ["ended"],
  IncomingMessage: ["read"],
  Latch: ["wait"],
  Limiter: ["acquire", "hold", "with"],
  Listener: ["accept"],
  Lock: ["acquire", "hold", "with"],
  Pool: ["acquire", "close", "with"],
  Process: ["terminate", "wait"],
  ProcessPool: ["close", "wait"],
  Queue: ["get", "join", "put"],
  RWLock: ["holdRead", "holdWrite", "read", "withRead", "withWrite", "write"],
  RateLimiter: ["acquire"],
  Receiver: ["receive"],
  Semaphore: ["acquire", "hold", "with"],
  Sender: ["send"],
  SimNode: ["ended", "stop"],
  Subscription: ["receive"],
  Task: ["ended", "join"],
  TaskLocal: ["run"],
  ThreadPool: ["close", "wait"],
  TlsListener: ["accept"],
  TlsStream: ["close", "end", "read", "readExactly", "readInto", "readUntil", "write"],
  UdpSocket: ["connect", "receive", "send"],
  WaitQueue: ["park"],
  WebSocket: ["close", "ping", "receive", "receiveStream", "send", "sendStream", "untilClosed"],
  World: ["eventually", "liveness"],
} as const;

/** Methods whose result is again something this file knows: `g.spawn(...)` gives a `Task`. */
export const results = {
  Broadcast: { cloneSender: "BroadcastSender", subscribe: "Subscription" },
  Channel: { cloneReceiver: "Receiver", cloneSender: "Sender" },
  Group: { spawn: "Task" },
} as const;

/** Classes and interfaces whose instances are operations themselves: a task is joined with `yield* task`. */
export const operationTypes = ["Deferred", "Operation", "Task", "Wait"] as const;

/** What functions that take a body hand to its first parameter. */
export const bodyParameters: Readonly<Record<string, string | undefined>> = { group: "Group", scope: "Scope" };

/** Whether an import comes from Rondo or one of the packages built on it. */
export function isRondo(specifier: string): boolean {
  return specifier === "rondo" || specifier.startsWith("rondo/") || specifier.startsWith("@rondo/");
}

/** What a table of this file has under a name that came from the file being read. */
export function lookUp<V>(table: Readonly<Record<string, V>>, name: string | undefined): V | undefined {
  return name !== undefined && Object.hasOwn(table, name) ? table[name] : undefined;
}
