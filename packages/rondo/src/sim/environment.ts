/**
 * What a campaign takes from around it, and gives to it: the variables with which a person steers it, the command with
 * which it is run again, files for what is too long for a command line. In a browser there is none of that, and a campaign
 * does without.
 */
import { isToken, TokenError } from "./token.ts";

/** A token that is longer goes to a file, and the command names that. */
const LONGEST = 1500;

/** How a person steers campaigns from outside: `RONDO_SEED`, `RONDO_RUNS`, `RONDO_REPLAY`, `RONDO_JOBS`. */
export interface Steering {
  readonly seed: number | undefined;
  readonly runs: number | undefined;
  readonly jobs: number | undefined;
  /** A token. */
  readonly replay: string | undefined;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** What Node gives where there is a Node, without a static import, which a browser could not load. */
function node(): typeof process | undefined {
  return typeof process === "undefined" || typeof process.getBuiltinModule !== "function" ? undefined : process;
}

/** Reads the variables. Throws a `RangeError` for one that says nothing sensible: it must not be taken for its absence. */
export function steering(environment: Environment = node()?.env ?? {}): Steering {
  const replay = valueOf(environment, "RONDO_REPLAY");
  return {
    seed: valueOf(environment, "RONDO_SEED") === "random" ? randomSeed() : numberOf(environment, "RONDO_SEED", 0),
    runs: numberOf(environment, "RONDO_RUNS", 1),
    jobs: valueOf(environment, "RONDO_JOBS") === "all" ? cores() : numberOf(environment, "RONDO_JOBS", 1),
    replay: replay === undefined || isToken(replay) ? replay : tokenInFile(replay),
  };
}

/** How many threads the machine runs at once. */
export function cores(): number {
  return node()?.getBuiltinModule("node:os").availableParallelism() ?? 1;
}

function randomSeed(): number {
  return Math.floor(Math.random() * 2 ** 32);
}

function valueOf(environment: Environment, name: string): string | undefined {
  const value = environment[name]?.trim();
  return value === "" ? undefined : value;
}

function numberOf(environment: Environment, name: string, least: number): number | undefined {
  const value = valueOf(environment, name);
  if (value === undefined) return undefined;
  const number = Number(value);
  if (Number.isSafeInteger(number) && number >= least) return number;
  const other = { RONDO_SEED: ' or "random"', RONDO_JOBS: ' or "all"' }[name] ?? "";
  throw new RangeError(`${name} is "${value}", and must be a whole number from ${least}${other}`);
}

function tokenInFile(path: string): string {
  let text: string | undefined;
  try {
    text = node()?.getBuiltinModule("node:fs").readFileSync(path, "utf8");
  } catch (error) {
    throw new TokenError(
      `RONDO_REPLAY is "${path}", which is no replay token, and no file with one: ${(error as Error).message}`,
      { cause: error },
    );
  }
  if (text !== undefined && isToken(text)) return text.trim();
  throw new TokenError(`RONDO_REPLAY is "${path}", and there is no replay token in it`);
}

/** The token itself, or the file to which it was written because it is too long for a command line. */
export function tokenForCommand(token: string): string {
  const here = node();
  if (token.length <= LONGEST || here === undefined) return token;
  const folder = here.getBuiltinModule("node:os").tmpdir();
  // Named by its end, which is a checksum: writing it twice makes one file.
  const file = here.getBuiltinModule("node:path").join(folder, `rondo-replay-${token.slice(-12)}.txt`);
  here.getBuiltinModule("node:fs").writeFileSync(file, `${token}\n`);
  return file;
}

/** What a test runner gives to a test function: vitest something with a `task`, node:test with a `name` and a `filePath`. */
interface TestContext {
  readonly task?: { readonly name?: unknown; readonly file?: { readonly filepath?: unknown } };
  readonly name?: unknown;
  readonly filePath?: unknown;
}

/** Where vitest leaves the file that it runs, for a campaign that is called inside a test and is not the test. */
interface VitestGlobal {
  readonly __vitest_worker__?: { readonly filepath?: unknown } | undefined;
}

/** The command that runs this test, or this program, again; undefined in a browser. */
export function commandFor(context: unknown): string | undefined {
  const here = node();
  if (here === undefined) return undefined;
  const { task, name, filePath } = (context ?? {}) as TestContext;
  if (typeof task?.file?.filepath === "string") {
    return `npx vitest run ${quoted(shortPath(task.file.filepath))} -t ${quoted(asPattern(String(task.name)))}`;
  }
  const flags = loadingFlags(here.execArgv).map(quoted);
  if (typeof filePath === "string" && typeof name === "string") {
    const pattern = `--test-name-pattern=${asPattern(name)}`;
    return ["node", ...flags, "--test", quoted(pattern), quoted(shortPath(filePath))].join(" ");
  }
  const file = (globalThis as VitestGlobal).__vitest_worker__?.filepath;
  if (typeof file === "string") return `npx vitest run ${quoted(shortPath(file))}`;
  const [, program, ...rest] = here.argv;
  if (program === undefined) return undefined;
  return ["node", ...flags, quoted(shortPath(program)), ...rest.map(quoted)].join(" ");
}

/** Of Node's flags those without which a program would not load; node:test hands its tests dozens that say nothing. */
function loadingFlags(all: readonly string[]): string[] {
  const flags: string[] = [];
  for (let i = 0; i < all.length; i++) {
    const flag = all[i] as string;
    const found = /^(--conditions|-C|--import|--require|-r|--(?:experimental-)?loader|--env-file)(=.*)?$/.exec(flag);
    if (found !== null) {
      flags.push(flag);
      if (found[2] === undefined && i + 1 < all.length) flags.push(all[++i] as string);
    } else if (/^--(?:no-)?experimental-(?:strip|transform)-types$/.test(flag)) flags.push(flag);
  }
  return flags;
}

/** A path as a person in this folder would write it. */
export function shortPath(path: string): string {
  const here = node();
  const plain = path.startsWith("file://") ? decodeURIComponent(path.slice("file://".length)) : path;
  const folder = here === undefined ? "" : `${here.cwd()}/`;
  return folder !== "" && plain.startsWith(folder) ? plain.slice(folder.length) : plain;
}

/** All paths in a text as a person in this folder would write them. */
export function shortPaths(text: string): string {
  const here = node();
  return here === undefined ? text : text.replaceAll("file://", "").replaceAll(`${here.cwd()}/`, "");
}

/** Both vitest and node:test take a name as a regular expression. */
function asPattern(name: string): string {
  return name.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}

function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

/** Says something to whoever runs the campaign that is no failure. */
export function say(text: string): void {
  globalThis.console?.warn(`rondo/sim: ${text}`);
}
