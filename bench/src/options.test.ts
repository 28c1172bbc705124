import { describe, expect, it } from "vitest";
import { parseOptions } from "./options.ts";

const known = ["switch", "spawn"];

describe("the command line of the benchmark", () => {
  it("without arguments measures everything in five rounds", () => {
    expect(parseOptions([], known)).toEqual({ only: [], rounds: 5, scale: 1, check: false, python: true, full: false });
  });

  it("takes a list of workloads and a number of rounds", () => {
    expect(parseOptions(["--only", "switch,spawn", "--rounds", "3"], known)).toMatchObject({
      only: ["switch", "spawn"],
      rounds: 3,
    });
  });

  it("takes the first word of names for all of them", () => {
    expect(parseOptions(["--only", "echo"], ["echo-1", "echo-2"]).only).toEqual(["echo"]);
    expect(() => parseOptions(["--only", "echo-"], ["echo-1"])).toThrow("no workload");
  });

  it("--quick does a tenth of the work in two rounds, or in as many as are asked for", () => {
    expect(parseOptions(["--quick"], known)).toMatchObject({ rounds: 2, scale: 0.1 });
    expect(parseOptions(["--quick", "--rounds", "4"], known)).toMatchObject({ rounds: 4, scale: 0.1 });
  });

  it("an unknown workload is refused with the list of those there are", () => {
    expect(() => parseOptions(["--only", "swich"], known)).toThrow('no workload "swich"; there are switch, spawn');
  });

  it.each(["0", "-1", "1.5", "many"])("%s rounds are refused", (rounds) => {
    expect(() => parseOptions([`--rounds=${rounds}`], known)).toThrow("--rounds takes a whole number");
  });

  it("an unknown option is refused", () => {
    expect(() => parseOptions(["--fast"], known)).toThrow("--fast");
  });
});
