/** The random programs of fuzz.test.ts, twenty times as many. */
process.env["FUZZ"] = "20";
await import("./fuzz.test.ts");
