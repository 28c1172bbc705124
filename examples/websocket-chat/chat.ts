// The room, and the handler that serves it: the page at `/`, and a WebSocket at `/socket`.
//
// The room is a set of sockets. Each handler reads what its own user says; what is said goes to all by `broadcast`, which
// frames it once and waits for nobody. Whoever does not read is named by it, and shown the door: one who sleeps must
// not cost the others anything, and can come back.
import { broadcast, file, type HttpRequest, type RequestHandler, text, upgrade, type WebSocket } from "@rondo/http";
import { fileURLToPath } from "node:url";

const page = fileURLToPath(new URL("page.html", import.meta.url));

/** How long a line may be, in bytes. */
const LONGEST = 4096;

export class Room {
  private readonly sockets: Set<WebSocket> = new Set();

  get size(): number {
    return this.sockets.size;
  }

  /** Says something to everybody; `from` is null where it is the room that speaks. */
  say(from: string | null, what: string): void {
    const { slow } = broadcast(this.sockets, JSON.stringify({ from, text: what }));
    for (const socket of slow) socket.abort();
  }

  /** One user, from coming to leaving. */
  *visit(socket: WebSocket, name: string) {
    this.sockets.add(socket);
    try {
      this.say(null, `${name} has come`);
      for (let line = yield* socket.receive(); line !== undefined; line = yield* socket.receive()) {
        if (typeof line === "string") this.say(name, line);
      }
    } finally {
      // In whatever way: said goodbye, closed the lid, was shown the door, or the server stops.
      this.sockets.delete(socket);
      this.say(null, `${name} has left`);
    }
  }
}

/** Answers the requests of one room. */
export function chat(room: Room): RequestHandler {
  return (request: HttpRequest) => {
    if (request.path === "/") return file(request, page);
    if (request.path !== "/socket") return text("There is nothing here.\n", { status: 404 });
    const name = request.url.searchParams.get("name") ?? "somebody";
    // Only pages of this very host may connect: that is what `upgrade` does where nothing else is said.
    return upgrade(request, (socket) => room.visit(socket, name), { protocols: ["chat"], maxMessage: LONGEST });
  };
}
