/** `@rondo/http`: HTTP/1.1 and WebSocket, both sides, on the streams of `rondo/net`. */
export {
  ContentCodingError,
  HttpError,
  type HttpErrorOptions,
  MessageTooLargeError,
  ProtocolError,
  TruncatedError,
} from "./errors.ts";
export { type HeadersSource, HttpHeaders } from "./headers.ts";
export { type MessageLimits, REQUEST_LIMITS, RESPONSE_LIMITS } from "./limits.ts";
export { type MessageParser, ParserEvent } from "./parser.ts";
export { RequestHead, RequestParser } from "./request-parser.ts";
export { ResponseHead, ResponseParser } from "./response-parser.ts";
export type { TargetForm } from "./target.ts";
export { type AccessEntry, jsonLog, type Logger } from "./access-log.ts";
export { type HistogramData, quantile, type ServerMetrics } from "./metrics.ts";
export { type BufferOptions, HttpRequest } from "./request.ts";
export {
  bytes,
  empty,
  html,
  HttpResponse,
  json,
  redirect,
  type ResponseBody,
  type ResponseInit,
  stream,
  text,
  type UpgradeHandler,
} from "./response.ts";
export { HttpServer, serve, type ServeOptions, serveStream } from "./server.ts";
export type { Answer, ConnectionOptions, RequestHandler } from "./server-core.ts";
export { SERVER_LIMITS, type ServerLimits, TIMEOUTS, type Timeouts } from "./timeouts.ts";
export { dateOf, httpDate, rangeHolds, type Verdict, type Version, weigh } from "./conditional.ts";
export { EventParser, type ReceivedEvent, serverEvents } from "./event-parser.ts";
export { file, type FileOptions, files, type FilesOptions } from "./file.ts";
export { preferred, type Wish, wishesOf } from "./negotiation.ts";
export { type ByteRange, rangesOf } from "./range.ts";
export { formatEvent, type ServerEvent, sse, type SseOptions } from "./sse.ts";
export { multipart, type MultipartLimits, type Part } from "./multipart.ts";
export {
  type Coder,
  codings,
  type CodingService,
  type ContentCoding,
  decoded,
  type DecodeOptions,
  encode,
  encoded,
} from "./coding.ts";
export { compressed, type CompressionOptions } from "./compression.ts";
export { broadcast, type BroadcastResult } from "./websocket/broadcast.ts";
export type { CloseInfo } from "./websocket/close-codes.ts";
export { connectWebSocket, type ConnectWebSocketOptions } from "./websocket/connect.ts";
export type { Codec, DeflaterOptions, DeflateService } from "./websocket/deflate.ts";
export { WebSocketError, WebSocketHandshakeError } from "./websocket/errors.ts";
export type { DeflateAgreement, DeflateOptions } from "./websocket/extensions.ts";
export type { Origins } from "./websocket/handshake.ts";
export { IncomingMessage } from "./websocket/incoming.ts";
export type { RandomSource } from "./websocket/mask.ts";
export type { HeartbeatOptions } from "./websocket/pulse.ts";
export { WebSocket, type WebSocketOptions, type WebSocketSetup, type WebSocketStatistics } from "./websocket/socket.ts";
export { upgrade, type UpgradeOptions } from "./websocket/upgrade.ts";
export { type FetchHandler, mount, type MountContext } from "./mount.ts";
export { type Client, fetch, openClient } from "./client/client.ts";
export type { RequestBody } from "./client/body.ts";
export type { ClientOptions, FetchOptions, RetrySettings } from "./client/options.ts";
export type { ClientResponse, ReadOptions, ResponseTiming } from "./client/response.ts";
export { cluster, type ClusterEvent, type ClusterOptions, type ClusterWorker } from "./cluster.ts";
