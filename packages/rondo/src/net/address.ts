/** Addresses as text: which family one is of, whether a port is one, how an endpoint is shown. */

/**
 * The family of an IP address, undefined for what is none (a name). `127.0.0.01` is none: systems read it as octal, or do
 * not, so it goes to them as a name does, and what they make of it is an address that can be looked at.
 */
export function familyOf(host: string): 4 | 6 | undefined {
  if (host.includes(":")) return 6;
  return IPV4.test(host) ? 4 : undefined;
}

const BYTE = "(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)";
const IPV4 = new RegExp(`^${BYTE}(?:\\.${BYTE}){3}$`);

/** Throws a `RangeError` for what is no port. */
export function checkPort(port: unknown, what: string): void {
  if (typeof port === "number" && Number.isInteger(port) && port >= 0 && port <= 65_535) return;
  throw new RangeError(`${what} takes a port from 0 to 65535, not ${String(port)}`);
}

/** `example.org:80`, `[::1]:80`, or a path. */
export function shownEndpoint(
  to: { readonly host: string; readonly port: number } | { readonly path: string },
): string {
  if ("path" in to) return to.path.startsWith("\0") ? `@${to.path.slice(1)}` : to.path;
  const { host, port } = to;
  if (host === "") return `*:${port}`;
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}
