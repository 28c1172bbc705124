/** The properties of the unit tests, each on many more random programs. */
import { runs } from "../../tests/chaos.ts";

runs.numRuns = 1500;
await import("./exactly-once.test.ts");
await import("./permits.test.ts");
