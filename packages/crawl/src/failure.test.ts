import { expect, test } from "vitest";
import { failureOf, networkError, SourceError } from "./failure.ts";

const coded = (code: string, message = code): Error =>
  new TypeError("fetch failed", { cause: Object.assign(new Error(message), { code }) });

test.each([
  ["ENOTFOUND", "dns", false],
  ["EAI_AGAIN", "dns", true],
  ["ECONNREFUSED", "refused", true],
  ["ECONNRESET", "connection", true],
  ["UND_ERR_SOCKET", "connection", true],
  ["UND_ERR_CONNECT_TIMEOUT", "connection", true],
  ["HPE_INVALID_CONSTANT", "protocol", false],
  ["Z_DATA_ERROR", "protocol", false],
  ["CERT_HAS_EXPIRED", "tls", false],
  ["DEPTH_ZERO_SELF_SIGNED_CERT", "tls", false],
  ["EPROTO", "tls", false],
  ["SOMETHING_NEW", "connection", true],
])("%s below fetch is a failure of kind %s", (code, kind, retryable) => {
  const error = networkError(coded(code), "a.example");
  expect([error.kind, error.retryable]).toEqual([kind, retryable]);
  expect(error.message).toContain("a.example");
});

test("where several addresses were tried the first error stands for them", () => {
  const refused = Object.assign(new Error("connect ECONNREFUSED ::1:80"), { code: "ECONNREFUSED" });
  expect(networkError(new TypeError("fetch failed", { cause: new AggregateError([refused, refused]) }), "a").kind).toBe(
    "refused",
  );
});

test("a failure as kept is plain text with the whole chain of causes", () => {
  const error = new SourceError("refused", "nobody listens", {
    cause: coded("ECONNREFUSED", "connect ECONNREFUSED 127.0.0.1:1"),
  });
  expect(failureOf(error)).toEqual({
    kind: "refused",
    message: "nobody listens",
    cause: "fetch failed: connect ECONNREFUSED 127.0.0.1:1",
  });
  expect(failureOf(new SourceError("empty", "nothing"))).toEqual({ kind: "empty", message: "nothing" });
});

test("an error nobody foresaw is internal and still says what it is", () => {
  expect(failureOf(new RangeError("odd"))).toEqual({ kind: "internal", message: "RangeError: odd" });
  expect(failureOf("thrown text")).toEqual({ kind: "internal", message: "thrown text" });
});

test("a chain of causes that bites its own tail ends", () => {
  const error = new Error("a");
  error.cause = error;
  expect(failureOf(new SourceError("internal", "x", { cause: error })).cause).toBe("a");
});
