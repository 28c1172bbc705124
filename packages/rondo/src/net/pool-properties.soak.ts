/** The properties of the pool, on many more random programs. */
import { runs } from "../../tests/chaos.ts";

runs.numRuns = 1500;
await import("./pool-properties.test.ts");
