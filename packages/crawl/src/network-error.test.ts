import { expect, test } from "vitest";
import { networkError } from "./network-error.ts";

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
