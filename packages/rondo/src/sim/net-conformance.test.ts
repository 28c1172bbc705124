/** The streams of the simulated network through the exported suites (`net.soak.ts` has more seeds). */
import { streamSuites } from "../../tests/sim-conformance.ts";

streamSuites(1);
