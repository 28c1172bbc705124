import { expect, test } from "vitest";
import { nearest } from "./usage.ts";

test("a slip of the finger is recognised, and something else is not", () => {
  const options = ["feeds", "term", "timeout", "json"];
  expect(nearest("tiemout", options)).toBe("timeout");
  expect(nearest("tem", options)).toBe("term");
  expect(nearest("feed", options)).toBe("feeds");
  expect(nearest("colour", options)).toBeUndefined();
  expect(nearest("", options)).toBeUndefined();
});
