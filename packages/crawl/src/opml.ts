// A list of sources as OPML 2.0 (opml.org/spec2.opml), which every feed reader takes.
//
// Written by hand, as it is a line for each source, and as what matters is in the characters: a name is what a stranger's
// feed calls itself, and one control character in it makes a file that no XML parser opens. The specification wants a `text`
// of each outline; a source without a name is called by its address, which `parseList` does not take for a name.

import type { Source } from "./source.ts";

/** What stands above a list. */
export interface OpmlOptions {
  /** Default: `News sources`. */
  readonly title?: string;
  /** When the list was made, in ms since 1970; left out where nothing is said. */
  readonly created?: number;
}

/**
 * Writes sources as an OPML list. `parseList` reads it back to the same sources.
 *
 * @example
 * ```ts
 * import { parseList, parseSource, writeOpml } from "@rondo/crawl";
 *
 * const opml = writeOpml([parseSource("https://example.org/feed?a=1&b=2", "Q & A")]);
 * console.log(opml.split("\n")[6]); // prints:     <outline type="rss" text="Q &amp; A" title="Q &amp; A" xmlUrl="https://example.org/feed?a=1&amp;b=2"/>
 * console.log(parseList(opml, "mine.opml").sources[0]?.name); // prints: Q & A
 * ```
 */
export function writeOpml(sources: Iterable<Source>, options: OpmlOptions = {}): string {
  const { title = "News sources", created } = options;
  const lines = ['<?xml version="1.0" encoding="UTF-8"?>', '<opml version="2.0">', "  <head>"];
  lines.push(`    <title>${escaped(oneLine(title))}</title>`);
  if (created !== undefined) lines.push(`    <dateCreated>${new Date(created).toUTCString()}</dateCreated>`);
  lines.push("  </head>", "  <body>");
  for (const { url, name } of sources) {
    const shown = escaped(oneLine(name ?? "") || url);
    lines.push(`    <outline type="rss" text="${shown}" title="${shown}" xmlUrl="${escaped(url)}"/>`);
  }
  lines.push("  </body>", "</opml>", "");
  return lines.join("\n");
}

/** A name as one line. XML parsers make one space of a line break in an attribute in any case. */
function oneLine(text: string): string {
  return text.toWellFormed().replace(NO_XML, " ").replace(/\s+/g, " ").trim();
}

/** What may not stand in an XML document at all, not even as a reference (XML 1.0, section 2.2). */
const NO_XML = /[\p{Cc}\uFFFE\uFFFF]/gu;

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
};

function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (character) => ENTITIES[character] as string);
}
