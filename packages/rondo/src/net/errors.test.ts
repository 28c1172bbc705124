import { describe, expect, test } from "vitest";
import { BrokenError } from "../index.ts";
import { ConnectError, fromSystemError, IncompleteError, LimitError, SystemError, TlsError } from "./index.ts";
import { again } from "./errors.ts";

const system = (code: string, message = `read ${code}`): Error => Object.assign(new Error(message), { code });

describe("fromSystemError", () => {
  test.each(["ECONNRESET", "EPIPE", "ECONNABORTED", "ETIMEDOUT", "ERR_STREAM_PREMATURE_CLOSE"])(
    "%s is the peer gone",
    (code) => {
      const cause = system(code);
      const error = fromSystemError(cause, "tcp a > b");
      expect(error).toBeInstanceOf(BrokenError);
      expect(error.message).toMatch(new RegExp(`^tcp a > b: .+ \\(${code}\\)$`));
      expect(error.cause).toBe(cause);
    },
  );

  test("what is not the peer's doing keeps its code and says what it means", () => {
    const error = fromSystemError(system("EADDRINUSE"), "listen on 127.0.0.1:80");
    expect(error).toBeInstanceOf(SystemError);
    expect(error).not.toBeInstanceOf(BrokenError);
    expect(error).toMatchObject({
      code: "EADDRINUSE",
      message: "listen on 127.0.0.1:80: the address is in use already (EADDRINUSE)",
    });
  });

  test("an unknown code, and what is no error at all", () => {
    expect(fromSystemError(system("EWEIRD", "weird"), "x")).toMatchObject({ code: "EWEIRD", message: "x: weird" });
    expect(fromSystemError("just text", "x")).toMatchObject({ code: "", message: "x: just text" });
    expect(fromSystemError(undefined, "x")).toMatchObject({ code: "", message: "x: undefined" });
  });

  test("what is ours already stays what it is", () => {
    for (const error of [
      new BrokenError("b"),
      new TlsError("t", "expired"),
      new SystemError("s", "E"),
      new ConnectError("c", []),
      new LimitError("l", 1),
    ])
      expect(fromSystemError(error, "x")).toBe(error);
  });
});

test("what says more than that the peer is gone is thrown as it is, again and again", () => {
  const cut = new IncompleteError("cut", 3, 4);
  expect(again(cut)).toBe(cut);
  const tls = new TlsError("t", "expired");
  expect(again(tls)).toBe(tls);
  const plain = new BrokenError("gone", { cause: cut });
  expect(again(plain)).not.toBe(plain);
  expect(again(plain)).toMatchObject({ message: "gone", cause: cut });
});
