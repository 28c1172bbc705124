// What replicas and clients say to each other: one line of JSON each, a question and its answer.

/** What a client wants done. Its number counts up, so that a command which is sent twice is done once. */
export interface Command {
  readonly client: string;
  readonly number: number;
  readonly op: "put" | "get";
  readonly key: string;
  readonly value?: string;
}

/** A place in the log. The first entry of a leader has no command: it is there to be agreed on. */
export interface Entry {
  readonly term: number;
  readonly command: Command | null;
}

/** "Will you have me as the leader of this term?" */
export interface VoteRequest {
  readonly kind: "vote";
  readonly term: number;
  readonly candidate: string;
  readonly lastIndex: number;
  readonly lastTerm: number;
}

/** "These come after that one", and, with no entries, "I am still here". */
export interface AppendRequest {
  readonly kind: "append";
  readonly term: number;
  readonly leader: string;
  readonly previousIndex: number;
  readonly previousTerm: number;
  readonly entries: readonly Entry[];
  /** Up to here all is agreed on. */
  readonly committed: number;
}

export interface CommandRequest {
  readonly kind: "command";
  readonly command: Command;
}

export type Request = VoteRequest | AppendRequest | CommandRequest;

export interface VoteReply {
  readonly term: number;
  readonly granted: boolean;
}

export interface AppendReply {
  readonly term: number;
  readonly ok: boolean;
  /** Where the log may agree with the leader's, at most. */
  readonly last: number;
}

/** What a command gave; or nothing, from somebody who does not lead, or no longer does. */
export type CommandReply = { readonly done: true; readonly value: string | null } | { readonly done: false };
