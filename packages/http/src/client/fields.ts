/** The fields of a request that is being made. */
import { fieldLine, HttpHeaders, type HeadersSource } from "../headers.ts";

/** The fields of a request, the last word on each name. */
export class Fields {
  private readonly pairs: readonly (readonly [string, string])[];

  constructor(pairs: readonly (readonly [string, string])[]) {
    this.pairs = pairs;
  }

  /** These, with others instead of those that have the same name. */
  with(others: HeadersSource | undefined): Fields {
    if (others === undefined) return this;
    const { raw } = HttpHeaders.from(others);
    for (const [name] of raw) {
      const lower = name.toLowerCase();
      if (lower === "host" || lower === "content-length" || lower === "transfer-encoding" || lower === "connection")
        throw new TypeError(`${name} cannot be given: it follows from the address, the body and the connection`);
    }
    const names = new Set(raw.map(([name]) => name.toLowerCase()));
    return new Fields([...this.pairs.filter(([name]) => !names.has(name.toLowerCase())), ...raw]);
  }

  without(names: ReadonlySet<string>): Fields {
    return new Fields(this.pairs.filter(([name]) => !names.has(name.toLowerCase())));
  }

  has(name: string): boolean {
    return this.pairs.some(([one]) => one.toLowerCase() === name);
  }

  text(): string {
    return this.pairs.map(([name, value]) => fieldLine(name, value)).join("");
  }
}
