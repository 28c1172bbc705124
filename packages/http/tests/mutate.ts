/** Messages that are nearly right: of a table of them, with small changes at places that a seed chooses. */

const BYTES = [...'\r\n\0 \t:,;=\x7f\x80\xff09aAfFgG#/*"%[]@.-+?_\\', "\x0b", "\x1f"];
const WORDS = [
  "\r\n",
  "\r\n\r\n",
  "\n",
  " ",
  "chunked",
  "Transfer-Encoding: chunked\r\n",
  "Transfer-Encoding:gzip\r\n",
  "transfer-encoding: identity\r\n",
  "Content-Length: 5\r\n",
  "Content-Length: 05\r\n",
  "content-length: 0\r\n",
  "Content-Length: 6\r\n",
  "Host: a\r\n",
  "Host: b:80\r\n",
  "Connection: close\r\n",
  "Connection: keep-alive\r\n",
  "Connection: upgrade\r\n",
  "Upgrade: websocket\r\n",
  "Expect: 100-continue\r\n",
  "X: y\r\n",
  "HTTP/1.0",
  "HTTP/1.1",
  "HTTP/2.0",
  "0\r\n\r\n",
  "5\r\nhello\r\n",
  ";a=b",
  ', "x"',
  "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
];

/** A small generator of numbers (mulberry32), so that a seed is all that is needed to see a failure again. */
export function random(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

/** One of the texts, or two of them spliced, with one to four changes. */
export function mutated(texts: readonly string[], next: (below: number) => number): string {
  const pick = <T>(list: readonly T[]): T => list[next(list.length)] as T;
  let text = pick(texts);
  if (next(6) === 0) text += pick(texts);
  for (let changes = 1 + next(4); changes > 0; changes--) {
    const at = next(text.length + 1);
    const size = 1 + next(4);
    switch (next(7)) {
      case 0:
        text = text.slice(0, at) + text.slice(at + size);
        break;
      case 1:
      case 2:
        text = text.slice(0, at) + pick(BYTES) + text.slice(at + 1);
        break;
      case 3:
        text = text.slice(0, at) + pick(BYTES) + text.slice(at);
        break;
      case 4:
        text = text.slice(0, at) + pick(WORDS) + text.slice(at);
        break;
      case 5: {
        // Where a line begins: there most words are understood.
        const line = text.indexOf("\r\n", at);
        if (line >= 0) text = text.slice(0, line + 2) + pick(WORDS) + text.slice(line + 2);
        break;
      }
      default: {
        const other = pick(texts);
        text = text.slice(0, at) + other.slice(next(other.length + 1));
      }
    }
    if (text.length > 600) text = text.slice(0, 600);
  }
  return text;
}

/** The bytes in one to four pieces. */
export function pieces(bytes: Uint8Array, next: (below: number) => number): Uint8Array[] {
  const cuts = Array.from({ length: next(4) }, () => next(bytes.length + 1)).toSorted((a, b) => a - b);
  const all: Uint8Array[] = [];
  let from = 0;
  for (const cut of [...cuts, bytes.length]) {
    if (cut > from) all.push(bytes.slice(from, cut));
    from = Math.max(from, cut);
  }
  return all;
}
