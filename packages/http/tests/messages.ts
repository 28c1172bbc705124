/**
 * Messages that must be understood, and messages that must be refused, by the section of the RFC that says so. The same
 * table is read whole, byte by byte, cut at every offset, and beside `node:http`.
 */

export interface Message {
  /** The section that is tested; of a refusal, the one that it must name. */
  readonly rfc: string;
  readonly name: string;
  /** One character for each byte. */
  readonly text: string;
  /** The status of the refusal; undefined where the message is fine. */
  readonly status?: number;
  /** What its body must be. */
  readonly body?: string;
  /** For responses: the method of the request. GET where nothing is said. */
  readonly method?: string;
  /** The stream ends behind it. */
  readonly ends?: boolean;
}

const R9110 = (section: string) => `RFC 9110 section ${section}`;
const R9112 = (section: string) => `RFC 9112 section ${section}`;

const good: Message[] = [];
const bad: Message[] = [];

function accept(rfc: string, name: string, text: string, body = ""): void {
  good.push({ rfc, name, text, body });
}

function refuse(rfc: string, name: string, text: string, status = 400): void {
  bad.push({ rfc, name, text, status });
}

const GET = "GET / HTTP/1.1\r\nHost: a\r\n";
const POST = "POST / HTTP/1.1\r\nHost: a\r\n";
const CHUNKED = `${POST}Transfer-Encoding: chunked\r\n\r\n`;

// ---- the first line -------------------------------------------------------------------------------------------------

accept(R9112("2.1"), "the smallest request", `${GET}\r\n`);
accept(R9112("2.2"), "an empty line before the request", `\r\n${GET}\r\n`);
accept(R9112("2.2"), "two empty lines before the request", `\r\n\r\n${GET}\r\n`);
refuse(R9112("2.2"), "three empty lines before the request", `\r\n\r\n\r\n${GET}\r\n`);
refuse(R9112("2.2"), "a bare LF before the request", `\n${GET}\r\n`);
refuse(R9112("2.2"), "a bare CR before the request", `\r${GET}\r\n`);
refuse(R9112("3"), "what looks like TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03");
accept(R9112("3.1"), "a method of one's own", "M-SEARCH / HTTP/1.1\r\nHost: a\r\n\r\n");
accept(R9112("3.1"), "methods are told apart by case", "get / HTTP/1.1\r\nHost: a\r\n\r\n");
refuse(R9112("3.1"), "a method that is no token", "G(T / HTTP/1.1\r\nHost: a\r\n\r\n");
refuse(R9112("3.1"), "whitespace before the request", " / HTTP/1.1\r\nHost: a\r\n\r\n");
refuse(R9112("3.1"), "a tab behind the method", "GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n");
refuse(R9112("3.1"), "a NUL in the method", "G\0T / HTTP/1.1\r\nHost: a\r\n\r\n");
refuse(R9112("3"), "a method longer than 64 bytes", `${"A".repeat(65)} / HTTP/1.1\r\nHost: a\r\n\r\n`, 501);
refuse(R9112("3"), "two spaces behind the method", "GET  / HTTP/1.1\r\nHost: a\r\n\r\n");
refuse(R9112("3"), "two spaces behind the target", "GET /  HTTP/1.1\r\nHost: a\r\n\r\n");
refuse(R9112("3"), "a space in the target", "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n");
refuse(R9112("3"), "a space behind the version", "GET / HTTP/1.1 \r\nHost: a\r\n\r\n");
refuse(R9112("3"), "no version (HTTP/0.9)", "GET /\r\n");
refuse(R9112("3"), "a version in lower case", "GET / http/1.1\r\nHost: a\r\n\r\n");
refuse(R9112("3"), "another protocol", "GET / ICE/1.0\r\nHost: a\r\n\r\n");
refuse(R9112("3"), "a version of two digits", "GET / HTTP/1.10\r\nHost: a\r\n\r\n");
refuse(R9112("3"), "a version without a point", "GET / HTTP/11\r\nHost: a\r\n\r\n");
refuse(R9110("15.6.6"), "HTTP/2.0", "GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505);
refuse(R9110("15.6.6"), "HTTP/1.2", "GET / HTTP/1.2\r\nHost: a\r\n\r\n", 505);
refuse(R9110("15.6.6"), "HTTP/0.9 as a version", "GET / HTTP/0.9\r\nHost: a\r\n\r\n", 505);
refuse(R9110("15.6.6"), "the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505);
refuse(R9112("2.2"), "a first line that ends in LF", "GET / HTTP/1.1\nHost: a\r\n\r\n");
refuse(R9112("2.2"), "a first line that ends in CR", "GET / HTTP/1.1\rHost: a\r\n\r\n");

// ---- the target -----------------------------------------------------------------------------------------------------

accept(R9112("3.2.1"), "a path and a query", 'GET /a/b;c=d,e?f=g&h=%20[]{}|\\^`"<> HTTP/1.1\r\nHost: a\r\n\r\n');
accept(R9112("3.2.1"), "a path of two slashes", "GET //b/c HTTP/1.1\r\nHost: a\r\n\r\n");
accept(R9112("3.2.2"), "a whole URL", "GET http://a/b HTTP/1.1\r\nHost: a\r\n\r\n");
accept(R9112("3.2.2"), "a whole URL without a path", "GET http://a HTTP/1.1\r\nHost: a\r\n\r\n");
accept(R9112("3.2.2"), "a whole URL with only a query", "GET http://a?b HTTP/1.1\r\nHost: a\r\n\r\n");
accept(
  R9112("3.2.2"),
  "a scheme and a host in another case",
  "GET HTTP://ExAmple.org/ HTTP/1.1\r\nHost: example.org\r\n\r\n",
);
accept(R9112("3.2.2"), "the default port in one of the two", "GET https://a:443/ HTTP/1.1\r\nHost: a\r\n\r\n");
accept(R9112("3.2.2"), "the default port in the other", "GET http://a/ HTTP/1.1\r\nHost: a:80\r\n\r\n");
accept(R9112("3.2.3"), "CONNECT", "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n");
accept(R9112("3.2.3"), "CONNECT with a Host without its port", "CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n");
accept(R9112("3.2.3"), "CONNECT to an IPv6 address", "CONNECT [::1]:443 HTTP/1.1\r\nHost: [::1]:443\r\n\r\n");
accept(R9112("3.2.4"), "OPTIONS for all of it", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n");
refuse(R9112("3.2"), "a fragment", "GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n");
refuse(R9112("3.2"), "a byte above 0x7f", "GET /\xc3\xbc HTTP/1.1\r\nHost: a\r\n\r\n");
refuse(R9112("3.2"), "a control character", "GET /\x01 HTTP/1.1\r\nHost: a\r\n\r\n");
refuse(R9112("3.2"), "a DEL", "GET /\x7f HTTP/1.1\r\nHost: a\r\n\r\n");
refuse(R9112("3.2"), "a NUL", "GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n");
refuse(R9112("3.2"), "a tab in the target", "GET /\t HTTP/1.1\r\nHost: a\r\n\r\n");
refuse(R9112("3.2"), "a relative path", "GET a/b HTTP/1.1\r\nHost: a\r\n\r\n");
refuse(R9112("3.2"), "another scheme", "GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n");
refuse(R9112("3.2"), "a host without CONNECT", "GET a:80 HTTP/1.1\r\nHost: a\r\n\r\n");
refuse(R9112("3.2"), "a query without a path", "GET ?a HTTP/1.1\r\nHost: a\r\n\r\n");
refuse(R9112("3.2"), "a URL of only a scheme", "GET http:// HTTP/1.1\r\nHost: a\r\n\r\n");
refuse(R9110("4.2"), "a URL without a host", "GET http:///b HTTP/1.1\r\nHost: a\r\n\r\n");
refuse(R9110("4.2"), "a URL with a user", "GET http://u:p@a/ HTTP/1.1\r\nHost: a\r\n\r\n");
refuse(R9110("4.2"), "a URL with a port that is no number", "GET http://a:b/ HTTP/1.1\r\nHost: a\r\n\r\n");
refuse(R9110("4.2"), "a URL with a port above 65535", "GET http://a:65536/ HTTP/1.1\r\nHost: a\r\n\r\n");
refuse(R9110("4.2"), "a backslash in the host", "GET http://a\\@b/ HTTP/1.1\r\nHost: a\r\n\r\n");
refuse(R9112("3.2"), "a Host that is not the URL's", "GET http://a/ HTTP/1.1\r\nHost: b\r\n\r\n");
refuse(R9112("3.2"), "a Host whose port is not the URL's", "GET http://a/ HTTP/1.1\r\nHost: a:443\r\n\r\n");
refuse(R9112("3.2"), "a Host that is not CONNECT's", "CONNECT a:443 HTTP/1.1\r\nHost: b:443\r\n\r\n");
refuse(R9112("3.2.3"), "CONNECT with a path", "CONNECT / HTTP/1.1\r\nHost: a\r\n\r\n");
refuse(R9112("3.2.3"), "CONNECT with a URL", "CONNECT http://a:80/ HTTP/1.1\r\nHost: a:80\r\n\r\n");
refuse(R9112("3.2.3"), "CONNECT without a port", "CONNECT a HTTP/1.1\r\nHost: a\r\n\r\n");
refuse(R9112("3.2.3"), "CONNECT with an empty port", "CONNECT a: HTTP/1.1\r\nHost: a\r\n\r\n");
refuse(R9112("3.2.4"), "a star without OPTIONS", "GET * HTTP/1.1\r\nHost: a\r\n\r\n");

// ---- Host -----------------------------------------------------------------------------------------------------------

accept(R9112("3.2"), "an empty Host", "GET / HTTP/1.1\r\nHost:\r\n\r\n");
accept(R9112("3.2"), "a Host with a port", "GET / HTTP/1.1\r\nHost: a.b-c_d~e:8080\r\n\r\n");
accept(R9112("3.2"), "a Host with an empty port", "GET / HTTP/1.1\r\nHost: a:\r\n\r\n");
accept(R9112("3.2"), "an IPv6 address", "GET / HTTP/1.1\r\nHost: [2001:db8::1]:80\r\n\r\n");
accept(R9112("3.2"), "a percent-encoded name", "GET / HTTP/1.1\r\nHost: %C3%BC.example\r\n\r\n");
accept(R9112("3.2"), "no Host in 1.0", "GET / HTTP/1.0\r\n\r\n");
refuse(R9112("3.2"), "no Host in 1.1", "GET / HTTP/1.1\r\n\r\n");
refuse(R9112("3.2"), "no Host in 1.1, with a whole URL", "GET http://a/ HTTP/1.1\r\n\r\n");
refuse(R9112("3.2"), "two Hosts", `${GET}Host: b\r\n\r\n`);
refuse(R9112("3.2"), "two Hosts that agree", `${GET}host: a\r\n\r\n`);
refuse(R9112("3.2"), "two Hosts in 1.0", "GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n");
refuse(R9112("3.2"), "two hosts in one Host", "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n");
refuse(R9112("3.2"), "a user in Host", "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n");
refuse(R9112("3.2"), "a path in Host", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n");
refuse(R9112("3.2"), "a space in Host", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n");
refuse(R9112("3.2"), "a port that is no number", "GET / HTTP/1.1\r\nHost: a:8x\r\n\r\n");
refuse(R9112("3.2"), "a port above 65535", "GET / HTTP/1.1\r\nHost: a:65536\r\n\r\n");
refuse(R9112("3.2"), "only a port", "GET / HTTP/1.1\r\nHost: :80\r\n\r\n");
refuse(R9112("3.2"), "a bracket that is not closed", "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n");
refuse(R9112("3.2"), "something behind the bracket", "GET / HTTP/1.1\r\nHost: [::1]a\r\n\r\n");
refuse(R9112("3.2"), "a broken percent-encoding", "GET / HTTP/1.1\r\nHost: a%2\r\n\r\n");
refuse(R9112("3.2"), "a byte above 0x7f in Host", "GET / HTTP/1.1\r\nHost: \xfc\r\n\r\n");

// ---- field lines ----------------------------------------------------------------------------------------------------

accept(R9112("5"), "a header without a value", `${GET}X:\r\nY: \t \r\n\r\n`);
accept(R9112("5"), "whitespace around a value", `${GET}X: \t b \t\r\n\r\n`);
accept(R9112("5"), "no whitespace before a value", `${GET}X:b\r\n\r\n`);
accept(R9110("5.5"), "bytes above 0x7f in a value", `${GET}X: \x80\xff\r\n\r\n`);
accept(R9110("5.5"), "tabs and colons in a value", `${GET}X: a\tb: c:\r\n\r\n`);
accept(R9110("5.6.2"), "all letters of a token", `${GET}!#$%&'*+-.^_\`|~09AZaz: b\r\n\r\n`);
refuse(R9112("5.1"), "a space before the colon", `${GET}X : b\r\n\r\n`);
refuse(R9112("5.1"), "a tab before the colon", `${GET}X\t: b\r\n\r\n`);
refuse(
  R9112("5.1"),
  "a space before the colon of Transfer-Encoding",
  `${POST}Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n`,
);
refuse(R9112("5.2"), "a folded line", `${GET}X: a\r\n b\r\n\r\n`);
refuse(R9112("5.2"), "a line folded with a tab", `${GET}X: a\r\n\tb\r\n\r\n`);
refuse(R9112("2.2"), "whitespace before the first header", "GET / HTTP/1.1\r\n Host: a\r\n\r\n");
refuse(R9112("5"), "no name", `${GET}: b\r\n\r\n`);
refuse(R9112("5"), "no colon", `${GET}X\r\n\r\n`);
refuse(R9110("5.1"), "a name in brackets", `${GET}X(y): b\r\n\r\n`);
refuse(R9110("5.1"), "a byte above 0x7f in a name", `${GET}X\xfc: b\r\n\r\n`);
refuse(R9110("5.1"), "a NUL in a name", `${GET}X\0: b\r\n\r\n`);
refuse(R9110("5.5"), "a NUL in a value", `${GET}X: a\0b\r\n\r\n`);
refuse(R9110("5.5"), "a control character in a value", `${GET}X: a\x1bb\r\n\r\n`);
refuse(R9110("5.5"), "a DEL in a value", `${GET}X: a\x7fb\r\n\r\n`);
refuse(R9112("2.2"), "a line that ends in LF", `${GET}X: a\nY: b\r\n\r\n`);
refuse(R9112("2.2"), "a line that ends in CR", `${GET}X: a\rY: b\r\n\r\n`);
refuse(R9112("2.2"), "a line that ends in CR CR LF", `${GET}X: a\r\r\n\r\n`);
refuse(R9112("2.2"), "a name that ends in LF", `${GET}X\nY: b\r\n\r\n`);
refuse(R9112("2.2"), "a head that ends in LF", `${GET}\n`);
refuse(R9112("2.2"), "a head that ends in LF LF", "GET / HTTP/1.1\r\nHost: a\n\n");
refuse(R9112("2.2"), "an empty line of CR alone", `${GET}\r\r\n`);

// ---- Content-Length -------------------------------------------------------------------------------------------------

accept(R9110("8.6"), "a length", `${POST}Content-Length: 5\r\n\r\nhello`, "hello");
accept(R9110("8.6"), "no length: no body", `${POST}\r\n`);
accept(R9110("8.6"), "a length of zero", `${POST}Content-Length: 0\r\n\r\n`);
accept(R9110("8.6"), "a length with leading zeros", `${POST}Content-Length: 005\r\n\r\nhello`, "hello");
accept(R9110("8.6"), "a length with whitespace around", `${POST}Content-Length:\t 5 \r\n\r\nhello`, "hello");
accept(R9112("6.3"), "two lengths that agree", `${POST}Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello`, "hello");
accept(R9112("6.3"), "a list of lengths that agree", `${POST}Content-Length: 5, 5 ,5\r\n\r\nhello`, "hello");
accept(R9110("9.3.1"), "GET with a body", `${GET}Content-Length: 5\r\n\r\nhello`, "hello");
refuse(R9112("6.3"), "two lengths that do not agree", `${POST}Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello`);
refuse(R9112("6.3"), "a list of lengths that do not agree", `${POST}Content-Length: 5, 6\r\n\r\nhello`);
for (const [name, value] of [
  ["empty", ""],
  ["negative", "-5"],
  ["signed", "+5"],
  ["hexadecimal", "0x5"],
  ["with a point", "5.0"],
  ["with an exponent", "5e0"],
  ["two numbers", "5 5"],
  ["a list that ends in a comma", "5,"],
  ["a list that begins with a comma", ",5"],
  ["a list with nothing in it", "5,,5"],
  ["in quotes", '"5"'],
  ["of 2^53", "9007199254740992"],
  ["of a hundred digits", "1".repeat(100)],
  ["with a unit", "5 bytes"],
  ["in other digits", "\xb2"],
] as const)
  refuse(R9110("8.6"), `a length that is ${name}`, `${POST}Content-Length: ${value}\r\n\r\nhello`);

// ---- Transfer-Encoding ----------------------------------------------------------------------------------------------

accept(R9112("6.1"), "chunks", `${CHUNKED}5\r\nhello\r\n0\r\n\r\n`, "hello");
accept(R9112("6.1"), "chunked in another case", `${POST}transfer-encoding:CHUNKED \r\n\r\n0\r\n\r\n`);
refuse(R9112("6.3"), "chunks with a length", `${POST}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`);
refuse(R9112("6.3"), "a length with chunks", `${POST}Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n0\r\n\r\n`);
refuse(R9112("6.1"), "chunks in 1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
refuse(R9112("6.1"), "gzip, then chunks", `${POST}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`, 501);
refuse(
  R9112("6.1"),
  "gzip, then chunks, in two lines",
  `${POST}Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
  501,
);
for (const value of [
  "",
  "gzip",
  "identity",
  "chunked\t",
  "chunked, gzip",
  "chunked, identity",
  "chunked, chunked",
  "chunked,",
  ",chunked,",
  "xchunked",
  "chunkedx",
  "chunked;a=b",
  '"chunked"',
  "chunked chunked",
  "chu nked",
  "\x0bchunked",
  "identity, chunked, chunked",
])
  refuse(
    value.includes("\x0b") ? R9110("5.5") : R9112("6.3"),
    `the transfer coding ${JSON.stringify(value)}`,
    `${POST}Transfer-Encoding: ${value}\r\n\r\n0\r\n\r\n`,
  );
refuse(
  R9112("6.3"),
  "chunked in two lines",
  `${POST}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
);
refuse(
  R9112("6.3"),
  "chunked, then identity, in two lines",
  `${POST}Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n`,
);
refuse(R9110("9.3.8"), "TRACE with a body", "TRACE / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\na");
refuse(R9110("9.3.6"), "CONNECT with a body", "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\nContent-Length: 1\r\n\r\na");
refuse(
  R9110("9.3.6"),
  "CONNECT with chunks",
  "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
);

// ---- chunks ---------------------------------------------------------------------------------------------------------

accept(
  R9112("7.1"),
  "chunks of several sizes",
  `${CHUNKED}1\r\na\r\n0A\r\n0123456789\r\n002\r\nbc\r\n0\r\n\r\n`,
  "a0123456789bc",
);
accept(R9112("7.1"), "a last chunk of several zeros", `${CHUNKED}000\r\n\r\n`);
accept(R9112("7.1"), "line ends as data", `${CHUNKED}4\r\n\r\n\r\n\r\n0\r\n\r\n`, "\r\n\r\n");
accept(R9112("7.1.1"), "extensions", `${CHUNKED}1;a;b=c;d="e \\" ;\t\xff";f=""\r\nx\r\n0;z\r\n\r\n`, "x");
accept(
  R9112("7.1.1"),
  "extensions of two hundred bytes at every chunk",
  `${CHUNKED}${`1;${"a".repeat(200)}\r\nx\r\n`.repeat(3)}0\r\n\r\n`,
  "xxx",
);
accept(R9112("7.1.2"), "trailers", `${CHUNKED}0\r\nX-A: b\r\nX-C:d\r\n\r\n`);
for (const [name, text] of [
  ["no size", "\r\nhello\r\n0\r\n\r\n"],
  ["a size that is no number", "g\r\n0\r\n\r\n"],
  ["a negative size", "-1\r\n0\r\n\r\n"],
  ["a size with 0x", "0x5\r\nhello\r\n0\r\n\r\n"],
  ["a space before the size", " 5\r\nhello\r\n0\r\n\r\n"],
  ["a space behind the size", "5 \r\nhello\r\n0\r\n\r\n"],
  ["a tab behind the size", "5\t\r\nhello\r\n0\r\n\r\n"],
  ["a size of 2^53", "20000000000000\r\n"],
  ["a size of 2^64 + 5", "10000000000000005\r\nhello\r\n0\r\n\r\n"],
  ["a size of seventeen digits", "00000000000000005\r\nhello\r\n0\r\n\r\n"],
  ["a size with an underscore", "1_0\r\n"],
  ["a size line that ends in LF", "5\nhello\r\n0\r\n\r\n"],
  ["a size line that ends in CR", "5\rhello\r\n0\r\n\r\n"],
  ["data that is too long", "5\r\nhello!\r\n0\r\n\r\n"],
  ["data that ends in LF", "5\r\nhello\n0\r\n\r\n"],
  ["data that is too long by what stands where the CR should", "5\r\nhello!\n0\r\n\r\n"],
  ["data that is too long by what stands where the LF should", "5\r\nhello\r!0\r\n\r\n"],
  ["a size line with something where the LF should be", "5\r!hello\r\n0\r\n\r\n"],
  ["chunks of one byte with extensions of two hundred", `${`1;${"a".repeat(200)}\r\nx\r\n`.repeat(100)}0\r\n\r\n`],
  ["data that ends in CR", "5\r\nhello\r0\r\n\r\n"],
  ["data with nothing behind it but a size", "5\r\nhello0\r\n\r\n"],
  ["an empty extension", "5;\r\nhello\r\n0\r\n\r\n"],
  ["a space before an extension", "5 ;a\r\nhello\r\n0\r\n\r\n"],
  ["a space in an extension", "5; a\r\nhello\r\n0\r\n\r\n"],
  ["a space around the equals sign", "5;a =b\r\nhello\r\n0\r\n\r\n"],
  ["an extension without its value", "5;a=\r\nhello\r\n0\r\n\r\n"],
  ["an extension that ends in LF", "5;a\nhello\r\n0\r\n\r\n"],
  ["an extension with LF in quotes", '5;a="\n"\r\nhello\r\n0\r\n\r\n'],
  ["an extension with CR in quotes", '5;a="\r\n"\r\nhello\r\n0\r\n\r\n'],
  ["quotes with something behind them", '5;a="b"c\r\nhello\r\n0\r\n\r\n'],
  ["a NUL in an extension", "5;a\0\r\nhello\r\n0\r\n\r\n"],
] as const)
  refuse(R9112("7.1"), name, CHUNKED + text);
refuse(R9112("7.1.1"), "an extension of more than 256 bytes", `${CHUNKED}1;${"a".repeat(300)}\r\nx\r\n0\r\n\r\n`);
refuse(R9112("2.2"), "a trailer that ends in LF", `${CHUNKED}0\r\nX: a\n\r\n`);
refuse(R9112("2.2"), "trailers that end in LF", `${CHUNKED}0\r\n\n`);
refuse(R9112("5.1"), "a space before the colon of a trailer", `${CHUNKED}0\r\nX : a\r\n\r\n`);
refuse(R9110("6.5.1"), "Content-Length among the trailers", `${CHUNKED}0\r\nContent-Length: 5\r\n\r\n`);
refuse(R9110("6.5.1"), "Transfer-Encoding among the trailers", `${CHUNKED}0\r\nTransfer-Encoding: chunked\r\n\r\n`);
refuse(R9110("6.5.1"), "Host among the trailers", `${CHUNKED}0\r\nHost: b\r\n\r\n`);

// ---- expectations, connections --------------------------------------------------------------------------------------

accept(R9110("10.1.1"), "100-continue", `${POST}Expect: 100-Continue\r\nContent-Length: 1\r\n\r\na`, "a");
refuse(R9110("10.1.1"), "another expectation", `${POST}Expect: 200-ok\r\nContent-Length: 1\r\n\r\na`, 417);
accept(R9110("7.8"), "an upgrade", `${GET}Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n`);
accept(R9112("9.3"), "Connection of several words", `${GET}Connection: x, ,keep-alive\t,close\r\n\r\n`);

// ---- limits ---------------------------------------------------------------------------------------------------------

refuse("RFC 6585 section 5", "a head of more than 16 KiB", `${GET}X: ${"a".repeat(17_000)}\r\n\r\n`, 431);
refuse("RFC 6585 section 5", "a name without an end", `${GET}${"a".repeat(17_000)}`, 431);
refuse("RFC 6585 section 5", "more than a hundred headers", `${GET}${"X: a\r\n".repeat(100)}\r\n`, 431);
refuse("RFC 6585 section 5", "more than a hundred trailers", `${CHUNKED}0\r\n${"X: a\r\n".repeat(101)}\r\n`, 431);
refuse("RFC 6585 section 5", "trailers of more than 16 KiB", `${CHUNKED}0\r\nX: ${"a".repeat(17_000)}\r\n\r\n`, 431);
refuse(R9110("15.5.15"), "a target of more than 8 KiB", `GET /${"a".repeat(8192)} HTTP/1.1\r\nHost: a\r\n\r\n`, 414);
accept(R9112("3"), "a target of 8000 bytes", `GET /${"a".repeat(7999)} HTTP/1.1\r\nHost: a\r\n\r\n`);

export const GOOD_REQUESTS: readonly Message[] = good;
export const BAD_REQUESTS: readonly Message[] = bad;

// ---- responses ------------------------------------------------------------------------------------------------------

const goodResponses: Message[] = [];
const badResponses: Message[] = [];

function acceptResponse(rfc: string, name: string, text: string, body = "", rest: Partial<Message> = {}): void {
  goodResponses.push({ rfc, name, text, body, ...rest });
}

function refuseResponse(rfc: string, name: string, text: string, rest: Partial<Message> = {}): void {
  badResponses.push({ rfc, name, text, status: 502, ...rest });
}

const OK = "HTTP/1.1 200 OK\r\n";

acceptResponse(R9112("4"), "the smallest response", `${OK}Content-Length: 0\r\n\r\n`);
acceptResponse(R9112("4"), "no reason", "HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n");
acceptResponse(R9112("4"), "no reason, and no space before it", "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n");
acceptResponse(
  R9112("4"),
  "a reason of several words, and bytes above 0x7f",
  "HTTP/1.1 200 A\t\xfc b \r\nContent-Length: 0\r\n\r\n",
);
acceptResponse(R9110("15"), "a status above 599", "HTTP/1.1 999 Denied\r\nContent-Length: 0\r\n\r\n");
acceptResponse(R9112("6.3"), "a length", `${OK}Content-Length: 5\r\n\r\nhello`, "hello");
acceptResponse(
  R9112("6.3"),
  "lengths that agree",
  `${OK}Content-Length: 5\r\nContent-Length: 5, 5\r\n\r\nhello`,
  "hello",
);
acceptResponse(R9112("6.3"), "chunks", `${OK}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n`, "hello");
acceptResponse(R9112("6.3"), "a body up to the end", `${OK}\r\nhello`, "hello", { ends: true });
acceptResponse(R9112("6.3"), "a body up to the end, in 1.0", "HTTP/1.0 200 OK\r\n\r\nhello", "hello", { ends: true });
acceptResponse(R9112("6.3"), "no body up to the end", `${OK}\r\n`, "", { ends: true });
acceptResponse(R9112("6.3"), "the answer to HEAD", `${OK}Content-Length: 5\r\n\r\n`, "", { method: "HEAD" });
acceptResponse(R9112("6.3"), "the answer to HEAD, in chunks", `${OK}Transfer-Encoding: chunked\r\n\r\n`, "", {
  method: "HEAD",
});
acceptResponse(R9112("6.3"), "the answer to HEAD without a length", `${OK}\r\n`, "", { method: "HEAD" });
acceptResponse(R9112("6.3"), "204", "HTTP/1.1 204 No Content\r\n\r\n");
acceptResponse(
  R9112("6.3"),
  "304 with the length it would have",
  "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n",
);
acceptResponse(R9110("15.2"), "100 before 200", `HTTP/1.1 100 Continue\r\n\r\n${OK}Content-Length: 2\r\n\r\nhi`, "hi");
acceptResponse(
  R9110("15.2"),
  "two of 103 before 200",
  `${"HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n".repeat(2)}${OK}Content-Length: 2\r\n\r\nhi`,
  "hi",
);
acceptResponse(
  R9112("9.3"),
  "1.0 with keep-alive",
  "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nhi",
  "hi",
);

refuseResponse(R9112("4"), "no HTTP", "SSH-2.0-OpenSSH_9.6\r\n");
refuseResponse(R9112("4"), "an empty line before it", `\r\n${OK}Content-Length: 0\r\n\r\n`);
refuseResponse(R9112("4"), "a version in lower case", "http/1.1 200 OK\r\n\r\n");
refuseResponse(R9112("4"), "ICY", "ICY 200 OK\r\n\r\n");
refuseResponse(R9110("2.5"), "HTTP/2.0", "HTTP/2.0 200 OK\r\n\r\n");
refuseResponse(R9110("2.5"), "HTTP/1.2", "HTTP/1.2 200 OK\r\n\r\n");
refuseResponse(R9112("4"), "two spaces before the status", "HTTP/1.1  200 OK\r\n\r\n");
refuseResponse(R9112("4"), "a status of two digits", "HTTP/1.1 20 OK\r\n\r\n");
refuseResponse(R9112("4"), "a status of four digits", "HTTP/1.1 2000 OK\r\n\r\n");
refuseResponse(R9112("4"), "a status below 100", "HTTP/1.1 099 OK\r\n\r\n");
refuseResponse(R9112("4"), "a status that is no number", "HTTP/1.1 2x0 OK\r\n\r\n");
refuseResponse(R9112("4"), "a NUL in the reason", "HTTP/1.1 200 O\0K\r\n\r\n");
refuseResponse(R9112("2.2"), "a first line that ends in LF", "HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n");
refuseResponse(R9112("2.2"), "a first line that ends in CR", "HTTP/1.1 200 OK\rContent-Length: 0\r\n\r\n");
refuseResponse(R9112("2.2"), "a first line without a reason that ends in LF", "HTTP/1.1 200 \n\n");
refuseResponse(R9112("2.2"), "a line that ends in LF", `${OK}Content-Length: 0\n\r\n`);
refuseResponse(R9112("5.1"), "a space before the colon", `${OK}Content-Length : 0\r\n\r\n`);
refuseResponse(R9112("5.2"), "a folded line", `${OK}X: a\r\n b\r\nContent-Length: 0\r\n\r\n`);
refuseResponse(R9110("5.5"), "a NUL in a value", `${OK}X: a\0\r\n\r\n`);
refuseResponse(R9112("6.3"), "lengths that do not agree", `${OK}Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!`);
refuseResponse(R9110("8.6"), "a length that is no number", `${OK}Content-Length: five\r\n\r\nhello`);
refuseResponse(
  R9112("6.3"),
  "chunks with a length",
  `${OK}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
);
refuseResponse(R9112("6.1"), "chunks in 1.0", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
refuseResponse(R9112("6.1"), "gzip, then chunks", `${OK}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`);
refuseResponse(R9112("6.3"), "another coding up to the end", `${OK}Transfer-Encoding: gzip\r\n\r\nhello`, {
  ends: true,
});
refuseResponse(R9112("7.1"), "a size that is no number", `${OK}Transfer-Encoding: chunked\r\n\r\nx\r\n`);
refuseResponse(
  R9112("9.2"),
  "a second answer to one request",
  `${OK}Content-Length: 0\r\n\r\n${OK}Content-Length: 0\r\n\r\n`,
);
refuseResponse(R9112("9.2"), "more than its length", `${OK}Content-Length: 2\r\n\r\nhi!`);
refuseResponse(R9112("9.2"), "a body behind the answer to HEAD", `${OK}Content-Length: 2\r\n\r\nhi`, {
  method: "HEAD",
});
refuseResponse(R9112("9.2"), "a body behind a 204", "HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\nhi");
refuseResponse(R9112("9.2"), "a body behind a 304", "HTTP/1.1 304 Not Modified\r\nContent-Length: 2\r\n\r\nhi");
refuseResponse(R9110("15.2"), "no end of interim responses", "HTTP/1.1 103 Early Hints\r\n\r\n".repeat(40));
refuseResponse(R9112("8"), "an end in the head", "HTTP/1.1 200 OK\r\nConte", { ends: true });
refuseResponse(R9112("8"), "an end before the first byte of the body", `${OK}Content-Length: 5\r\n\r\n`, {
  ends: true,
});
refuseResponse(R9112("8"), "an end in the body", `${OK}Content-Length: 5\r\n\r\nhell`, { ends: true });
refuseResponse(R9112("8"), "an end in a chunk", `${OK}Transfer-Encoding: chunked\r\n\r\n5\r\nhell`, { ends: true });
refuseResponse(R9112("8"), "an end before the last chunk", `${OK}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n`, {
  ends: true,
});
refuseResponse(R9112("8"), "an end in the last chunk", `${OK}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n`, {
  ends: true,
});
refuseResponse("RFC 6585 section 5", "a head of more than 64 KiB", `${OK}X: ${"a".repeat(66_000)}\r\n\r\n`);
refuseResponse("RFC 6585 section 5", "more than 256 headers", `${OK}${"X: a\r\n".repeat(257)}\r\n`);

export const GOOD_RESPONSES: readonly Message[] = goodResponses;
export const BAD_RESPONSES: readonly Message[] = badResponses;
