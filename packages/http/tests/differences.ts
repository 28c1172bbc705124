/**
 * Every way in which this package reads messages otherwise than `node:http` does (llhttp 9, not lenient), with its reason.
 * A difference that stands in neither table is a bug, and so is any message that both take and that is not the same to
 * both: that is how requests are smuggled.
 */
import type { Head, Reading } from "./readings.ts";

/** What is refused here and taken there: our stricter reading. The pattern is that of our refusal. */
export const STRICTER: readonly { readonly rfc: string; readonly ours: RegExp; readonly why: string }[] = [
  {
    rfc: "RFC 9112 section 2.2",
    ours: /^there are empty lines where a request|^there is an LF without CR/,
    why: "Node skips any line ends before a request, also bare ones; the RFC asks for at least one CR LF: two are skipped",
  },
  {
    rfc: "RFC 9112 section 3",
    ours: /^there is more than one space in the first line|^the first line does not end in HTTP\/1\.1, but in " /,
    why: "Node takes several spaces where the grammar has one",
  },
  {
    rfc: "RFC 9112 section 3",
    ours: /^the first line does not end in HTTP\/1\.1, but in "[A-Z]+"/,
    why: "Node knows other protocols, such as ICE, and looks at the word only when all of it has come",
  },
  {
    rfc: "RFC 9112 section 3",
    ours: /^there is no version in the first line/,
    why: "Node takes it for HTTP/0.9, and says so only later",
  },
  {
    rfc: "RFC 9110 sections 2.5 and 15.6.6",
    ours: /^the only versions are/,
    why: "Node takes HTTP/0.9 and HTTP/2.0 as if they were framed as 1.x is",
  },
  {
    rfc: "RFC 9112 section 3",
    ours: /^the method is longer than/,
    why: "Node reads no further than the methods that it knows, and fails with another reason",
  },
  {
    rfc: "RFC 9112 section 3.2",
    ours: /^there is "#" in the target|^there is 0x\w\w in the target/,
    why: "Node takes fragments, and bytes above 0x7f",
  },
  {
    rfc: "RFC 9112 section 3.2",
    ours: /^the target is neither a path nor a whole URL|^the target names no host|^only OPTIONS may have|^CONNECT takes a host/,
    why: "Node does not look at the forms of a target",
  },
  {
    rfc: "RFC 9112 section 3.2",
    ours: /^Host is |^there is more than one Host/,
    why: "Node takes the first Host and looks at neither its letters nor the target's",
  },
  {
    rfc: "RFC 9112 section 3.2",
    ours: /^there is no Host/,
    why: "Node answers 400 by itself, but reads on",
  },
  {
    rfc: "RFC 9112 section 6.1",
    ours: /^Transfer-Encoding came with HTTP\/1\.0/,
    why: "Node takes it; a reader of 1.0 would not know where the message ends",
  },
  {
    rfc: "RFC 9112 section 6.1",
    ours: /^the only transfer coding that is understood/,
    why: "Node gives the coded bytes as if they were the content",
  },
  {
    rfc: "RFC 9112 section 6.3",
    ours: /^Transfer-Encoding does not end in chunked/,
    why: "Node fails only when the body is read, or reads a response to the end of the connection",
  },
  {
    rfc: "RFC 9110 sections 9.3.6 and 9.3.8",
    ours: /^TRACE has a body|^CONNECT has a body/,
    why: "Node does not look at it",
  },
  {
    rfc: "RFC 9110 section 8.6",
    ours: /^Content-Length is a number of bytes below 2\^53/,
    why: "Node counts up to 2^64, which no number here can hold exactly, and takes lists that are half empty in another way",
  },
  {
    rfc: "RFC 9112 section 7.1",
    ours: /^the size of a chunk is 2\^53|^there is far more framing than data/,
    why: "Node counts up to 2^64, with any number of zeros before it",
  },
  {
    rfc: "RFC 9112 section 7.1.1",
    ours: /^there is \S+ in the extension of a chunk|^there is whitespace in the extension|^the extensions of a chunk are longer/,
    why: "Node takes empty values, and 16 KiB of extensions",
  },
  {
    rfc: "RFC 9110 section 6.5.1",
    ours: /must not be among the trailers/,
    why: "Node gives them as trailers",
  },
  {
    rfc: "RFC 9110 section 10.1.1",
    ours: /^the only expectation is/,
    why: "Node answers 417 by itself, and reads on",
  },
  {
    rfc: "RFC 6585 section 5",
    ours: /^there are more than \d+ (headers|trailers)|^the target is longer than|^the (head|trailers)/,
    why: "the limits are others",
  },
  {
    rfc: "RFC 9112 section 4",
    ours: /^this is no HTTP response|^a status is a number from 100|in the reason|^\S+ follows the three digits/,
    why: "Node takes empty lines before a response, statuses below 100, and control characters in a reason",
  },
  {
    rfc: "RFC 9110 section 15.2",
    ours: /^more than \d+ interim responses/,
    why: "Node reads any number of them",
  },
];

/** What is taken here and refused there. The pattern is that of Node's code. */
export const LENIENT: readonly {
  readonly rfc: string;
  readonly node: RegExp;
  readonly text: RegExp;
  readonly why: string;
}[] = [
  {
    rfc: "RFC 9110 section 9.1",
    node: /^HPE_INVALID_METHOD$|^HPE_INVALID_CONSTANT$|^HPE_INVALID_URL$/,
    text: /^/,
    why: "any token is a method; Node has a list of them",
  },
  {
    rfc: "RFC 9110 section 8.6",
    node: /^HPE_UNEXPECTED_CONTENT_LENGTH$|^HPE_INVALID_CONTENT_LENGTH$/,
    text: /content-length/i,
    why: "a length that is said several times, always the same, is one length",
  },
  {
    rfc: "RFC 9113 section 3.4",
    node: /^HPE_INVALID_VERSION$/,
    text: /PRI /,
    why: "the method of HTTP/2's preface is a token as others are; with its version it is refused",
  },
  {
    rfc: "RFC 9110 section 7.6.1",
    node: /^HPE_CLOSED_CONNECTION$/,
    text: /^HTTP\/1.1 1\d\d/,
    why: "an interim response that says close does not mean that no response follows it",
  },
];

/** There is an option `close` among those of the connection. */
const CLOSES = /^connection:(?:.*,)?[ \t]*close[ \t]*(?:,|\r?$)/im;

const complete = (reading: Reading): Head[] => reading.heads.filter((head) => head.complete);

/** What is different between the two and has no reason in the tables; undefined where nothing is. */
export function difference(text: string, ours: Reading, node: Reading): string | undefined {
  const mine = complete(ours);
  const theirs = complete(node);
  for (let i = 0; i < Math.min(mine.length, theirs.length); i++)
    if (JSON.stringify(mine[i]) !== JSON.stringify(theirs[i]))
      return `both take message ${i}, and not as the same:\n${JSON.stringify(mine[i])}\n${JSON.stringify(theirs[i])}`;
  if (node.blind === true && mine.length >= theirs.length) return undefined;
  if (ours.refused !== undefined && (node.refused === undefined || theirs.length > mine.length))
    return STRICTER.some((rule) => rule.ours.test(ours.refused as string))
      ? undefined
      : `refused here, taken there: ${ours.refused}`;
  if (node.refused !== undefined && (ours.refused === undefined || mine.length > theirs.length)) {
    // Behind a last message Node complains of whatever follows, which is not read here.
    if (ours.over && mine.length === theirs.length) return undefined;
    // It fails at the first byte of a value that makes the head wrong; here the line, or the head, is read to its end first.
    if (ours.waits === true && /TRANSFER_ENCODING|CONTENT_LENGTH/.test(node.refused)) return undefined;
    return LENIENT.some((rule) => rule.node.test(node.refused as string) && rule.text.test(text))
      ? undefined
      : `refused there, taken here: ${node.refused}`;
  }
  if (ours.refused !== undefined) return undefined;
  if (mine.length !== theirs.length) return `${mine.length} messages here, ${theirs.length} there`;
  if (ours.heads.length !== node.heads.length)
    return `${ours.heads.length} heads here, ${node.heads.length} there, some of them not complete`;
  const last = ours.heads.at(-1);
  const other = node.heads.at(-1);
  if (JSON.stringify(last) !== JSON.stringify(other))
    return `the last message, not complete, is not the same:\n${JSON.stringify(last)}\n${JSON.stringify(other)}`;
  // RFC 9112 section 9.3: `close` ends the connection, whatever stands beside it. llhttp loses it behind a keep-alive with a tab.
  if (ours.over && !node.over && CLOSES.test(text)) return undefined;
  if (ours.over !== node.over)
    return `the last message ${ours.over ? "is" : "is not"} the last here, and otherwise there`;
  return undefined;
}
