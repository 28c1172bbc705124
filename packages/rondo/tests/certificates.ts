/**
 * A small authority for tests of TLS, and certificates of every sort that it has signed. Made by the system's `openssl` once
 * for a test file, in a folder that is removed again at once: what is kept is text.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A certificate with its key, in PEM. */
export interface Made {
  readonly cert: string;
  readonly key: string;
}

export interface Certificates {
  /** The authority's certificate. */
  readonly ca: string;
  /** For `localhost`, `127.0.0.1` and `*.example.org`. */
  readonly server: Made;
  /** For `localhost`, made later. */
  readonly renewed: Made;
  /** For `other.test` only. */
  readonly other: Made;
  /** For `localhost`, and over. */
  readonly expired: Made;
  /** For `localhost`, from the year 2100 on. */
  readonly future: Made;
  /** For `localhost`, signed by itself. */
  readonly selfSigned: Made;
  /** For `localhost`, of an authority that nobody knows. */
  readonly stranger: Made;
  /** Of a client. */
  readonly client: Made;
}

/** Why there are none, or undefined. */
export const noOpenssl: string | undefined = missing();

function missing(): string | undefined {
  try {
    execFileSync("openssl", ["version"], { stdio: "pipe" });
    return undefined;
  } catch {
    return "there is no `openssl` command: install the package openssl to run the tests of TLS";
  }
}

let made: Certificates | undefined;

/** The certificates; they are the same ones for all tests of a process. */
export function certificates(): Certificates {
  return (made ??= make());
}

/** A day as `openssl` takes it. */
const PAST = ["20000101000000Z", "20000201000000Z"] as const;
const PRESENT = ["20200101000000Z", "21000101000000Z"] as const;
const FUTURE = ["21000101000000Z", "21010101000000Z"] as const;

function make(): Certificates {
  const folder = mkdtempSync(join(tmpdir(), "rondo-tls-"));
  const path = (name: string): string => join(folder, name);
  const openssl = (...args: string[]): void => void execFileSync("openssl", args, { stdio: "pipe", cwd: folder });
  const text = (name: string): string => readFileSync(path(name), "utf8");
  const key = (name: string): void =>
    openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", `${name}.key`);
  const both = (name: string): Made => ({ cert: text(`${name}.crt`), key: text(`${name}.key`) });

  const authority = (name: string): void => {
    key(name);
    openssl(
      "req",
      "-x509",
      "-new",
      "-key",
      `${name}.key`,
      "-subj",
      `/CN=${name}`,
      "-days",
      "3650",
      "-out",
      `${name}.crt`,
    );
  };
  const signed = (name: string, names: string, by: string, [from, to]: readonly [string, string]): Made => {
    key(name);
    openssl("req", "-new", "-key", `${name}.key`, "-subj", `/CN=${name}`, "-out", `${name}.csr`);
    writeFileSync(path("extensions"), `subjectAltName=${names}\nbasicConstraints=CA:FALSE\n`);
    writeFileSync(
      path("config"),
      "[ca]\ndefault_ca=x\n[x]\nnew_certs_dir=.\ndatabase=index\nserial=serial\ndefault_md=sha256\npolicy=p\n[p]\ncommonName=supplied\n",
    );
    writeFileSync(path("index"), "");
    writeFileSync(path("serial"), "10\n");
    // `ca` and not `x509`, which cannot make a certificate that is over in every version.
    openssl(
      ...["ca", "-batch", "-notext", "-config", "config", "-cert", `${by}.crt`, "-keyfile", `${by}.key`],
      ...["-extfile", "extensions", "-startdate", from, "-enddate", to, "-in", `${name}.csr`, "-out", `${name}.crt`],
    );
    return both(name);
  };

  try {
    authority("authority");
    authority("nobody");
    key("self");
    openssl(
      ...["req", "-x509", "-new", "-key", "self.key", "-subj", "/CN=localhost", "-days", "3650"],
      ...["-addext", "subjectAltName=DNS:localhost", "-out", "self.crt"],
    );
    const server = "DNS:localhost,IP:127.0.0.1,DNS:*.example.org";
    return {
      ca: text("authority.crt"),
      server: signed("server", server, "authority", PRESENT),
      renewed: signed("renewed", "DNS:localhost", "authority", PRESENT),
      other: signed("other", "DNS:other.test", "authority", PRESENT),
      expired: signed("expired", "DNS:localhost", "authority", PAST),
      future: signed("future", "DNS:localhost", "authority", FUTURE),
      selfSigned: both("self"),
      stranger: signed("stranger", "DNS:localhost", "nobody", PRESENT),
      client: signed("client", "DNS:client", "authority", PRESENT),
    };
  } finally {
    rmSync(folder, { recursive: true });
  }
}
