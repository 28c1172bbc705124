// robots.txt: which addresses of a host a robot may ask for (RFC 9309).
//
// Where the RFC leaves room, this does what google/robotstxt does, as files are written with that reader in mind. Where the
// two differ, the RFC holds, and a test says so.

import { ROBOTS_LIMIT, robotsLines } from "./lines.ts";
import { RobotsPath, RobotsPattern } from "./pattern.ts";

/** A rule as it stands in the file. */
export interface RobotsRule {
  readonly allow: boolean;
  /** The path as it is written, with `*` and `$`. */
  readonly path: string;
  /** In which line, counted from 1. */
  readonly line: number;
}

interface Rule extends RobotsRule {
  readonly pattern: RobotsPattern;
}

/** Rules and the robots they are for. */
interface Group {
  /** Product tokens in lower case and `*`, each with its place among them. */
  readonly agents: Map<string, number>;
  readonly rules: Rule[];
  /** In ms, each for the agents before a place: those that were named before it. */
  readonly delays: { readonly ms: number; readonly before: number }[];
}

/** What holds for one robot. */
interface Selection {
  /** The most specific one first, and of equal ones those that allow: the first that matches decides. */
  readonly rules: readonly Rule[];
  readonly delay: number | undefined;
}

const ANYBODY = "*";

/** A robots.txt that was read. Made by {@link parseRobots}. */
export class Robots {
  /** Addresses of sitemaps, as they are written. */
  readonly sitemaps: readonly string[];
  /** The file was longer than what is read of one, 500 KiB. */
  readonly cut: boolean;
  readonly #groups: readonly Group[];
  readonly #selections = new Map<string, Selection>();

  /** @internal */
  constructor(groups: readonly Group[], sitemaps: readonly string[], cut: boolean) {
    this.#groups = groups;
    this.sitemaps = sitemaps;
    this.cut = cut;
  }

  /**
   * Whether a robot may ask for an address.
   *
   * @param userAgent the product token: `rondo-news`, not the whole header ({@link productToken} finds it).
   * @param url an address of the host that has this file, or its path.
   */
  isAllowed(userAgent: string, url: string): boolean {
    return this.ruleFor(userAgent, url)?.allow ?? true;
  }

  /** The rule that decides about an address; `undefined` where none does, and then it is allowed. */
  ruleFor(userAgent: string, url: string): RobotsRule | undefined {
    const path = new RobotsPath(url);
    // The file itself may always be asked for (RFC 9309, section 2.2.2).
    if (path.text === "/robots.txt") return undefined;
    const rule = this.#select(userAgent).rules.find(({ pattern }) => pattern.matches(path));
    return rule === undefined ? undefined : { allow: rule.allow, path: rule.path, line: rule.line };
  }

  /**
   * How long a robot is asked to wait between two requests, in ms; `undefined` where it is not. No part of RFC 9309, and
   * widely used. Of several the longest. A cap is the caller's: some ask for days.
   */
  crawlDelay(userAgent: string): number | undefined {
    return this.#select(userAgent).delay;
  }

  #select(userAgent: string): Selection {
    const token = userAgent.toLowerCase();
    let selection = this.#selections.get(token);
    if (selection === undefined) {
      const own = productToken(token) === token && this.#groups.some(({ agents }) => agents.has(token));
      selection = selectionFor(this.#groups, own ? token : ANYBODY);
      // A robot asks under one name; somebody who tries many is not to fill the memory.
      if (this.#selections.size >= 16) this.#selections.clear();
      this.#selections.set(token, selection);
    }
    return selection;
  }
}

function selectionFor(groups: readonly Group[], agent: string): Selection {
  const rules: Rule[] = [];
  let delay: number | undefined;
  for (const group of groups) {
    const place = group.agents.get(agent);
    if (place === undefined) continue;
    for (const rule of group.rules) rules.push(rule);
    for (const { ms, before } of group.delays) if (place < before) delay = Math.max(delay ?? 0, ms);
  }
  rules.sort((a, b) => b.pattern.size - a.pattern.size || Number(b.allow) - Number(a.allow) || a.line - b.line);
  return { rules, delay };
}

/**
 * The product token a `User-Agent` begins with: letters, `_` and `-`. `undefined` where it begins with none, and then
 * only the rules for everybody can hold.
 *
 * @example
 * ```ts
 * import { productToken } from "@rondo/crawl";
 *
 * console.log(productToken("rondo-news/1.0 (+https://example.org/bot)")); // prints: rondo-news
 * ```
 */
export function productToken(userAgent: string): string | undefined {
  return /^[a-z_-]+/i.exec(userAgent)?.[0];
}

/**
 * Reads a robots.txt. Whatever it is given it gives rules: lines that make no sense are left out, and what is beyond
 * 500 KiB is not read.
 *
 * @example
 * ```ts
 * import { parseRobots } from "@rondo/crawl";
 *
 * const robots = parseRobots("User-agent: *\nDisallow: /private/\nAllow: /private/*.html$\nCrawl-delay: 2\n");
 * console.log(robots.isAllowed("rondo-news", "https://example.org/private/list")); // prints: false
 * console.log(robots.isAllowed("rondo-news", "https://example.org/private/a.html")); // prints: true
 * console.log(robots.crawlDelay("rondo-news")); // prints: 2000
 * console.log(robots.ruleFor("rondo-news", "/private/list")?.line); // prints: 2
 * ```
 */
export function parseRobots(file: Uint8Array | string): Robots {
  const bytes = typeof file === "string" ? Buffer.from(file, "utf8") : file;
  const cut = bytes.length > ROBOTS_LIMIT;
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, ROBOTS_LIMIT)).toString("latin1");
  const groups: Group[] = [];
  const sitemaps: string[] = [];
  /** Whether the group is still being named: user agents that follow each other share their rules. */
  let naming = false;
  // The end of a line that the limit cut in two would be a rule nobody wrote.
  for (const { number, field, value } of robotsLines(cut ? wholeLines(text) : text)) {
    if (field === "user-agent") {
      if (!naming) groups.push({ agents: new Map(), rules: [], delays: [] });
      naming = true;
      name(groups.at(-1) as Group, value);
    } else if (field === "sitemap") {
      sitemaps.push(Buffer.from(value, "latin1").toString("utf8"));
    } else if (field === "crawl-delay") {
      delay(groups.at(-1), value);
    } else if (field !== "other") {
      naming = false;
      if (groups.length > 0) addRules(groups.at(-1) as Group, field === "allow", value, number);
    }
  }
  return new Robots(groups, sitemaps, cut);
}

function wholeLines(text: string): string {
  return text.slice(0, Math.max(text.lastIndexOf("\n"), text.lastIndexOf("\r")) + 1);
}

function name({ agents }: Group, value: string): void {
  // A star with something behind it is still meant for everybody; a name counts up to what cannot be part of one.
  const agent = /^\*(?:\s|$)/.test(value) ? ANYBODY : productToken(value)?.toLowerCase();
  if (agent !== undefined && !agents.has(agent)) agents.set(agent, agents.size);
}

function addRules({ rules }: Group, allow: boolean, value: string, line: number): void {
  // An empty path is no rule, and the usual way to say "everything is allowed".
  if (value === "") return;
  const path = Buffer.from(value, "latin1").toString("utf8");
  rules.push({ allow, path, line, pattern: new RobotsPattern(value) });
  // Who allows the index of a directory allows the directory, which is how it is asked for.
  const directory = allow ? /^(.*\/)index\.html?$/.exec(value)?.[1] : undefined;
  if (directory !== undefined) rules.push({ allow, path, line, pattern: new RobotsPattern(`${directory}$`) });
}

/**
 * A delay is no rule and ends no naming (RFC 9309, section 2.2.4), so a robot that is named after it shares the rules of
 * those before it. But that it should wait as long as they do, nobody has written.
 */
function delay(group: Group | undefined, value: string): void {
  const seconds = /^\d{1,9}(?:\.\d{0,9})?$/.test(value) ? Number(value) : undefined;
  if (seconds !== undefined) group?.delays.push({ ms: seconds * 1000, before: group.agents.size });
}
