/**
 * Proxies: which one a request goes through, by what the program or the environment says.
 *
 * The rules are those of curl and Go: `HTTPS_PROXY` for https:, `HTTP_PROXY` for http:, `ALL_PROXY` for both, in small letters
 * or capitals (`HTTP_PROXY` in a CGI program may be a header that a stranger sent: there it is not believed), and
 * `NO_PROXY` names the hosts that are asked directly. What is on this machine never goes through a proxy.
 */
import type { Target } from "./target.ts";

/** A proxy. */
export interface Proxy {
  readonly secure: boolean;
  readonly hostname: string;
  readonly port: number;
  /** The value of `Proxy-Authorization`; undefined where it wants none. */
  readonly authorization: string | undefined;
  /** Without its password, for people. */
  readonly name: string;
}

/** The proxy at a URL; throws a `TypeError` for what is none. */
export function proxyAt(url: string | URL): Proxy {
  const text = String(url);
  const full = /^[a-z][a-z\d+.-]*:\/\//i.test(text) ? text : `http://${text}`;
  if (!URL.canParse(full)) throw new TypeError(`${JSON.stringify(text)} is no address of a proxy`);
  const parsed = new URL(full);
  if (parsed.protocol !== "http:" && parsed.protocol !== "https:")
    throw new TypeError(`a proxy is spoken to by http: or https:, not by ${parsed.protocol}`);
  const secure = parsed.protocol === "https:";
  const { username, password, hostname, port } = parsed;
  const credentials = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return {
    secure,
    hostname: hostname.startsWith("[") ? hostname.slice(1, -1) : hostname,
    port: port === "" ? (secure ? 443 : 80) : Number(port),
    authorization: credentials === ":" ? undefined : `Basic ${base64(credentials)}`,
    name: parsed.host,
  };
}

/** UTF-8 in base64, as `Authorization: Basic` wants it (RFC 7617). */
export function base64(text: string): string {
  return btoa(String.fromCharCode(...new TextEncoder().encode(text)));
}

/** The environment, as far as proxies go. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** That of this process; empty where there is no such thing. */
export function environment(): Environment {
  return (globalThis as { process?: { env?: Environment } }).process?.env ?? {};
}

/** The proxy that the environment names for this target; undefined for none. */
export function proxyFrom(environment: Environment, target: Target): Proxy | undefined {
  if (isLocal(target.hostname)) return undefined;
  const either = (name: string): string | undefined => {
    const small = environment[name.toLowerCase()];
    if (small !== undefined) return small;
    if (name === "HTTP_PROXY" && environment["REQUEST_METHOD"] !== undefined) return undefined;
    return environment[name];
  };
  const url = (target.secure ? either("HTTPS_PROXY") : either("HTTP_PROXY")) ?? either("ALL_PROXY");
  if (url === undefined || url.trim() === "") return undefined;
  return isExempt(either("NO_PROXY") ?? "", target) ? undefined : proxyAt(url.trim());
}

function isLocal(hostname: string): boolean {
  return (
    hostname === "localhost" ||
    hostname.endsWith(".localhost") ||
    hostname === "::1" ||
    /^127\.\d+\.\d+\.\d+$/.test(hostname)
  );
}

/** Names, domains (with or without a dot in front), addresses, each with a port or without; `*` for all. */
function isExempt(list: string, target: Target): boolean {
  const hostname = target.hostname.toLowerCase();
  return list.split(/[\s,]+/).some((entry) => {
    if (entry === "") return false;
    if (entry === "*") return true;
    const [, name = "", port] = /^(.*?)(?::(\d+))?$/.exec(entry.toLowerCase()) ?? [];
    if (port !== undefined && !entry.includes("::") && Number(port) !== target.port) return false;
    const bare = (entry.includes("::") ? entry.toLowerCase() : name).replace(/^\*?\.|^\[|\]$/g, "");
    return hostname === bare || hostname.endsWith(`.${bare}`);
  });
}
