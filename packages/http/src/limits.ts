/**
 * How much of a message is read before it is refused. Everything that a peer can make long has a limit here, and the check
 * stands at the byte that goes too far: no message costs more memory than these allow, however it is cut.
 */

/** The limits of one message. All sizes in bytes. */
export interface MessageLimits {
  /** The head, from its first byte to the empty line; trailers have the same limit. Else 431. */
  readonly head: number;
  /** The request target (RFC 9112 section 3 asks for at least 8000). Else 414. */
  readonly target: number;
  /** How many field lines a head may have, and how many the trailers. Else 431. */
  readonly fields: number;
  /** The content, as it comes, without the framing of chunks. Else 413. `Infinity`: no limit. */
  readonly body: number;
  /** The extensions of one chunk. Else 400. */
  readonly chunkExtension: number;
}

/**
 * What a server allows where nothing else is said.
 *
 * @example
 * ```ts
 * import { REQUEST_LIMITS } from "@rondo/http";
 *
 * console.log(REQUEST_LIMITS.head, REQUEST_LIMITS.fields); // prints: 16384 100
 * ```
 */
export const REQUEST_LIMITS: MessageLimits = {
  head: 16 * 1024,
  target: 8 * 1024,
  fields: 100,
  body: Infinity,
  chunkExtension: 256,
};

/**
 * What a client allows where nothing else is said: more than a server does, since policies and cookies make long heads.
 *
 * @example
 * ```ts
 * import { RESPONSE_LIMITS } from "@rondo/http";
 *
 * console.log(RESPONSE_LIMITS.head, RESPONSE_LIMITS.fields); // prints: 65536 256
 * ```
 */
export const RESPONSE_LIMITS: MessageLimits = {
  head: 64 * 1024,
  target: 8 * 1024,
  fields: 256,
  body: Infinity,
  chunkExtension: 256,
};

/** Limits with what is not said taken from the defaults. */
export function limitsFrom(limits: Partial<MessageLimits> | undefined, defaults: MessageLimits): MessageLimits {
  if (limits === undefined) return defaults;
  const all: MessageLimits = {
    head: limits.head ?? defaults.head,
    target: limits.target ?? defaults.target,
    fields: limits.fields ?? defaults.fields,
    body: limits.body ?? defaults.body,
    chunkExtension: limits.chunkExtension ?? defaults.chunkExtension,
  };
  for (const [name, value] of Object.entries(all) as [string, unknown][])
    if (!(typeof value === "number" && value >= 0))
      throw new RangeError(`limits.${name} is a number, 0 or more, not ${String(value)}`);
  return all;
}
