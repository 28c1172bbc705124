import { expect, test } from "vitest";
import { SourceError } from "./failure.ts";
import { distinct, parseSource } from "./source.ts";

function refusal(address: string): SourceError {
  try {
    parseSource(address);
  } catch (error) {
    if (error instanceof SourceError) return error;
    throw error;
  }
  throw new Error(`${address} was taken`);
}

test("an http or https address is a source whose host includes its port", () => {
  expect(parseSource(" https://Example.org:8443/feed?x=1#top ", "Name")).toEqual({
    url: "https://example.org:8443/feed?x=1",
    host: "example.org:8443",
    name: "Name",
  });
  expect(parseSource("http://example.org")).toEqual({ url: "http://example.org/", host: "example.org" });
});

test("an address with no scheme is refused with the one that was probably meant", () => {
  expect(refusal("example.com/feed").message).toBe(
    '"example.com/feed" has no scheme; did you mean https://example.com/feed ?',
  );
  expect(refusal("localhost:8080/x").message).toContain("did you mean https://localhost:8080/x ?");
  expect(refusal("//example.com/feed").message).toContain("did you mean https://example.com/feed ?");
  expect(refusal("news").message).toBe('"news" has no scheme');
  expect(refusal("example.com").kind).toBe("url");
});

test.each(["ftp://example.org/x", "file:///etc/passwd", "mailto:a@example.org", "data:text/html,x"])(
  "%s is refused because only http and https can be downloaded",
  (address) => {
    expect(refusal(address).message).toContain("only http and https");
  },
);

test("what is no URL at all is refused", () => {
  expect(refusal("http://").message).toContain("is not a URL");
  expect(refusal("https://exa mple.org/").message).toContain("is not a URL");
  expect(refusal("  ").message).toBe("an empty address");
});

test("a password in an address is refused and not repeated", () => {
  const { message } = refusal("https://me:secret@example.org/feed");
  expect(message).toContain("user name");
  expect(message).not.toContain("secret");
});

test("a source named twice is one source, by the first name", () => {
  const twice = [
    parseSource("http://a.example/", "A"),
    parseSource("http://b.example/"),
    parseSource("http://a.example/#x", "Z"),
  ];
  expect(distinct(twice).map((source) => source.name)).toEqual(["A", undefined]);
});
