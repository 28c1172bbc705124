// What a test of the command needs: outputs that can be looked at, a home that is nobody's, and a site on this machine.

import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { cli } from "../src/cli.ts";
import type { Environment, Output } from "../src/io.ts";

/** Keeps what was written. */
export class Written implements Output {
  text = "";
  readonly columns: number;

  constructor(columns = 100) {
    this.columns = columns;
  }

  write(text: string): void {
    this.text += text;
  }
}

/** What a command line came to. */
export interface Ran {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A folder in which commands remember, taken away at the end. */
export class Home implements Disposable {
  readonly folder: string = mkdtempSync(join(tmpdir(), "rondo-home-"));
  readonly env: Environment = { XDG_DATA_HOME: this.folder, LOCALAPPDATA: this.folder, HOME: this.folder };

  /** Runs a command line in this home. */
  async rondo(...argv: string[]): Promise<Ran> {
    return await this.with({}, ...argv);
  }

  /** The same with other variables of the environment. */
  async with(env: Environment, ...argv: string[]): Promise<Ran> {
    const stdout = new Written();
    const stderr = new Written();
    const status = await cli(argv, { stdout, stderr, env: { ...this.env, ...env } });
    return { status, stdout: stdout.text, stderr: stderr.text };
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true });
  }
}

/** A site on this machine. */
export async function serve(handler: RequestListener): Promise<{ readonly url: string } & AsyncDisposable> {
  const server = createServer(handler).listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

/** An RSS feed. */
export function rss(
  title: string,
  items: readonly { title: string; text?: string; at?: number; link?: string }[],
): string {
  const entries = items.map(
    ({ title, text = "", at, link }, index) =>
      `<item><title>${title}</title><description>${text}</description><guid isPermaLink="false">${title}-${index}</guid>${
        at === undefined ? "" : `<pubDate>${new Date(at).toUTCString()}</pubDate>`
      }${link === undefined ? "" : `<link>${link}</link>`}</item>`,
  );
  return `<rss version="2.0"><channel><title>${title}</title><language>en</language>${entries.join("")}</channel></rss>`;
}
