/**
 * What can go wrong with a message, one class for each thing that a caller may want to tell apart.
 *
 * Every one has the status that a server answers with (400 where nothing fits better; 502 for what a server sent to us), and
 * where a rule was broken, the section of the RFC that holds it.
 */

/** What else is known of an `HttpError`. */
export interface HttpErrorOptions extends ErrorOptions {
  /** The rule that was broken: `RFC 9112 section 5.1`. */
  readonly rfc?: string | undefined;
}

/**
 * A failure with a status. Thrown by a handler, it is the answer: the status, and the message as its text.
 *
 * @example
 * ```ts
 * import { HttpError } from "@rondo/http";
 *
 * const error = new HttpError(404, "there is no such page");
 * console.log(error.status, error.message); // prints: 404 there is no such page
 * ```
 */
export class HttpError extends Error {
  override readonly name: string = "HttpError";
  /** The status to answer with. */
  readonly status: number;
  /** The rule that was broken, where one was: `RFC 9112 section 5.1`. */
  readonly rfc: string | undefined;

  constructor(status: number, message: string, options: HttpErrorOptions = {}) {
    super(message, options);
    this.status = status;
    this.rfc = options.rfc;
  }
}

/**
 * The peer sent what is no HTTP, or what two readers could take for two things: nothing more can be read from this
 * connection. With the section of the RFC that says so.
 *
 * @example
 * ```ts
 * import { ProtocolError, RequestParser } from "@rondo/http";
 *
 * const parser = new RequestParser();
 * parser.push(new TextEncoder().encode("GET / HTTP/1.1\r\nHost : a\r\n\r\n"));
 * try {
 *   parser.next();
 * } catch (error) {
 *   if (error instanceof ProtocolError) console.log(error.status, error.rfc); // prints: 400 RFC 9112 section 5.1
 * }
 * ```
 */
export class ProtocolError extends HttpError {
  override readonly name: string = "ProtocolError";
}

/**
 * A message went past one of the limits: status 414 for the target, 431 for the head or the trailers, 413 for the body (502
 * where a server sent it).
 *
 * @example
 * ```ts
 * import { MessageTooLargeError, RequestParser } from "@rondo/http";
 *
 * const parser = new RequestParser({ target: 10 });
 * parser.push(new TextEncoder().encode("GET /a-longer-path HTTP/1.1\r\n"));
 * try {
 *   parser.next();
 * } catch (error) {
 *   if (error instanceof MessageTooLargeError) console.log(error.status, error.limit); // prints: 414 10
 * }
 * ```
 */
export class MessageTooLargeError extends ProtocolError {
  override readonly name: string = "MessageTooLargeError";
  /** What was allowed. */
  readonly limit: number;

  constructor(status: number, message: string, limit: number, options: HttpErrorOptions = {}) {
    super(status, message, options);
    this.limit = limit;
  }
}

/**
 * The stream ended in the middle of a message: what came of it is not all of it.
 *
 * @example
 * ```ts
 * import { ResponseParser, TruncatedError } from "@rondo/http";
 *
 * const parser = new ResponseParser();
 * parser.expect("GET");
 * parser.push(new TextEncoder().encode("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc"));
 * parser.finish();
 * try {
 *   while (parser.next() !== 0);
 * } catch (error) {
 *   console.log(error instanceof TruncatedError); // prints: true
 * }
 * ```
 */
export class TruncatedError extends ProtocolError {
  override readonly name: string = "TruncatedError";
}

/**
 * A body is not encoded as its `Content-Encoding` says.
 *
 * @example
 * ```ts
 * import { ContentCodingError } from "@rondo/http";
 *
 * console.log(new ContentCodingError(502, "the body is no gzip").status); // prints: 502
 * ```
 */
export class ContentCodingError extends ProtocolError {
  override readonly name: string = "ContentCodingError";
}
