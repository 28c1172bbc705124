export { HttpError, type HttpErrorOptions, MessageTooLargeError, ProtocolError, TruncatedError } from "./errors.ts";
export { type HeadersSource, HttpHeaders } from "./headers.ts";
export { type MessageLimits, REQUEST_LIMITS, RESPONSE_LIMITS } from "./limits.ts";
export { CLOSED, DATA, END, HEAD, INTERIM, MessageParser, NEED, type ParserEvent, SWITCHED } from "./parser.ts";
export { RequestHead, RequestParser } from "./request-parser.ts";
export { ResponseHead, ResponseParser } from "./response-parser.ts";
export { ABSOLUTE_FORM, ASTERISK_FORM, AUTHORITY_FORM, ORIGIN_FORM, type TargetForm } from "./target.ts";
