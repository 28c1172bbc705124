// The command line of `npm run bench`.
import { parseArgs } from "node:util";

export interface Options {
  /** Names of workloads; empty: all. */
  readonly only: readonly string[];
  readonly rounds: number;
  /** The part of each workload's amount that a round does. */
  readonly scale: number;
  /** Whether a lost floor makes the exit status 1. */
  readonly check: boolean;
  readonly python: boolean;
  /** Whether the rarer shapes of work are measured too. */
  readonly full: boolean;
}

export const usage = `npm run bench -- [options]

  --only A,B     only these workloads; echo stands for all echo-…
  --rounds N     rounds of each (5)
  --quick        a tenth of the work in 2 rounds, and no floors: does everything run? The figures mean little
  --full         all shapes of work, also the rarer ones
  --check        exit with status 1 when a floor is lost
  --no-python    leave out the Python peers; RONDO_BENCH_PYTHON names the interpreter to use
`;

/**
 * Reads the arguments after the script's name.
 *
 * @throws Error that says what is wrong, for a person to read
 */
export function parseOptions(args: readonly string[], known: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: { type: "string" },
      rounds: { type: "string" },
      quick: { type: "boolean" },
      full: { type: "boolean" },
      check: { type: "boolean" },
      "no-python": { type: "boolean" },
    },
  });
  const only = (values.only ?? "").split(",").filter((name) => name !== "");
  const unknown = only.find((name) => !known.some((one) => one === name || one.startsWith(`${name}-`)));
  if (unknown !== undefined) throw new Error(`there is no workload "${unknown}"; there are ${known.join(", ")}`);
  const rounds = Number(values.rounds ?? (values.quick ? 2 : 5));
  if (!Number.isInteger(rounds) || rounds < 1)
    throw new Error(`--rounds takes a whole number from 1, not ${values.rounds}`);
  return {
    only,
    rounds,
    scale: values.quick ? 0.1 : 1,
    check: values.check ?? false,
    full: values.full ?? false,
    python: !values["no-python"],
  };
}
