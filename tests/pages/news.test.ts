// The page of `rondo news --html` in a real browser, opened from a file as a person would.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

import type { Page } from "playwright-core";
import { run } from "rondo";
import { afterAll, expect, test } from "vitest";

import type { PageData } from "../../packages/cli/src/news/html/page-data.ts";
import { writeHtml } from "../../packages/cli/src/news/html/write-html.ts";
import { madeUpPage, madeUpRun, TODAY } from "../../packages/cli/tests/made-up.ts";
import { root } from "../../scripts/repo.ts";
import { inChromium, sharedBrowser } from "../browser/chromium.ts";

/** What is needed here of a canvas, since Node's types know none. */
interface Canvas {
  width: number;
  height: number;
  readonly ownerDocument: { createElement(name: "canvas"): Canvas };
  getContext(
    kind: "2d",
    options: { willReadFrequently: boolean },
  ): {
    drawImage(from: Canvas, x: number, y: number): void;
    getImageData(...area: number[]): { data: Uint8ClampedArray };
  };
}

/** What a stranger might call a source, a word or a failure. */
const HOSTILE = `</script><script>document.title="gone"</script><!--<script><img src=x onerror="document.title='gone'">"'&\u2028$&`;

inChromium("the page of the news", (executablePath) => {
  const folder = mkdtempSync(join(tmpdir(), "rondo-page-"));
  const browser = sharedBrowser(executablePath);
  afterAll(() => rmSync(folder, { recursive: true }));

  /** Opens a page of this data; what it complains about and asks the network for is an error. */
  async function onPage(
    data: PageData,
    body: (page: Page) => Promise<void>,
    options: { colorScheme?: "light" | "dark"; width?: number } = {},
  ): Promise<void> {
    const file = join(folder, "news.html");
    await run(() => writeHtml(file, data));
    const { colorScheme = "light", width = 1280 } = options;
    const context = await browser().newContext({ colorScheme, viewport: { width, height: 900 } });
    const page = await context.newPage();
    const said: string[] = [];
    const asked: string[] = [];
    page.on("console", (message) => said.push(message.text()));
    page.on("pageerror", (error) => said.push(String(error)));
    page.on("request", (request) => asked.push(request.url()));
    try {
      await page.goto(pathToFileURL(file).href);
      await body(page);
      expect(said).toEqual([]);
      expect(asked).toEqual([pathToFileURL(file).href]);
    } finally {
      await context.close();
    }
  }

  /** How many different colours a canvas has. */
  const coloursOf = (page: Page, selector: string): Promise<number> =>
    page.locator(selector).evaluate((element) => {
      // A copy: a canvas that is read gets slower, and the browser says so.
      const canvas = element as unknown as Canvas;
      const copy = canvas.ownerDocument.createElement("canvas");
      copy.width = canvas.width;
      copy.height = canvas.height;
      const context = copy.getContext("2d", { willReadFrequently: true });
      context.drawImage(canvas, 0, 0);
      const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
      const colours = new Set<number>();
      for (let at = 0; at < data.length; at += 4) {
        if ((data[at + 3] as number) === 255)
          colours.add(((data[at] as number) << 16) | ((data[at + 1] as number) << 8) | (data[at + 2] as number));
      }
      return colours.size;
    });
  const names = (page: Page): Promise<string[]> => page.locator("#sources tbody th").allTextContents();

  test("shows everything, complains about nothing and asks the network for nothing", async () => {
    await onPage(madeUpPage(), async (page) => {
      expect(await page.title()).toBe("News");
      expect(await page.locator("#subtitle").textContent()).toBe(
        "24 October 2026 to 22 November 2026 · made 22 Nov 2026, 11:24 UTC",
      );
      expect(await page.locator("#totals dt").allTextContents()).toEqual([
        "articles",
        "sources",
        "mentions",
        "the last run took",
      ]);
      expect(await page.locator("#rising tbody tr").count()).toBe(10);
      expect(await page.locator("#top tbody tr").count()).toBe(10);
      expect(await page.locator("#sources tbody tr").count()).toBe(42);
      // Four lines and the axes; bars; five stages of a waterfall.
      expect(await coloursOf(page, "#trends canvas")).toBeGreaterThan(4);
      expect(await coloursOf(page, "#daily canvas")).toBeGreaterThan(1);
      expect(await coloursOf(page, "#waterfall canvas")).toBeGreaterThan(5);
      if (process.env["RONDO_SCREENSHOT"] !== undefined) {
        await page.setViewportSize({ width: 1280, height: 1790 });
        await page.screenshot({ path: join(root, "docs", "news.png") });
      }
    });
  });

  test("is as good to read in the dark, where its lines have colours that are seen there", async () => {
    await onPage(
      madeUpPage(),
      async (page) => {
        expect(await page.evaluate("getComputedStyle(document.body).backgroundColor")).toBe("rgb(18, 21, 24)");
        expect(await page.locator("#trends-legend line").first().getAttribute("stroke")).toBe("#56b4e9");
        if (process.env["RONDO_SCREENSHOT_DARK"] !== undefined)
          await page.screenshot({ path: process.env["RONDO_SCREENSHOT_DARK"], fullPage: true });
        await page.emulateMedia({ colorScheme: "light" });
        await page.locator('#trends-legend line[stroke="#0072b2"]').waitFor({ state: "attached" });
      },
      { colorScheme: "dark" },
    );
  });

  test("is printed on white, and is dark again afterwards", async () => {
    await onPage(
      madeUpPage(),
      async (page) => {
        const first = page.locator("#trends-legend line").first();
        await page.evaluate(`addEventListener("beforeprint", () => {
            document.documentElement.dataset.printed = document.querySelector("#trends-legend line").getAttribute("stroke");
          })`);
        expect((await page.pdf()).subarray(0, 5).toString()).toBe("%PDF-");
        expect(await page.locator("html").getAttribute("data-printed")).toBe("#0072b2");
        expect(await first.getAttribute("stroke")).toBe("#56b4e9");
      },
      { colorScheme: "dark" },
    );
  });

  test.each(["light", "dark"] as const)("has text of enough contrast (%s)", async (colorScheme) => {
    await onPage(
      madeUpPage(),
      async (page) => {
        const poor = await page.evaluate(`(() => {
            const numbers = (colour) => (colour.match(/[\\d.]+/g) ?? []).map(Number);
            const light = (colour) => {
              const [r, g, b] = numbers(colour).map((each) => each / 255).map((each) => (each <= 0.04045 ? each / 12.92 : ((each + 0.055) / 1.055) ** 2.4));
              return 0.2126 * r + 0.7152 * g + 0.0722 * b;
            };
            const ground = (element) => {
              for (let at = element; at !== null; at = at.parentElement) {
                const colour = getComputedStyle(at).backgroundColor;
                if (numbers(colour)[3] !== 0) return colour;
              }
            };
            const bad = new Set();
            for (const element of document.querySelectorAll("body *")) {
              const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim() !== "");
              if (!own || element.getClientRects().length === 0 || element.closest("script, .quiet, noscript")) continue;
              const [a, b] = [light(getComputedStyle(element).color), light(ground(element))].sort((x, y) => y - x);
              if ((a + 0.05) / (b + 0.05) < 4.5) bad.add(element.tagName + " " + element.textContent.slice(0, 30));
            }
            return [...bad];
          })()`);
        expect(poor).toEqual([]);
      },
      { colorScheme },
    );
  });

  test("says to everybody what it shows: labels, headings, captions, tables behind the charts", async () => {
    await onPage(madeUpPage(), async (page) => {
      const unnamed =
        await page.evaluate(`[...document.querySelectorAll("input, select, button, canvas, [tabindex], [role]")]
          .filter((element) => element.getClientRects().length > 0)
          .filter((element) => !(element.getAttribute("aria-label") || element.labels?.length || element.textContent.trim() || element.getAttribute("aria-hidden") === "true"))
          .map((element) => element.outerHTML.slice(0, 100))`);
      expect(unnamed).toEqual([]);
      expect(await page.evaluate(`document.documentElement.lang`)).toBe("en");
      expect(await page.locator("h1").count()).toBe(1);
      expect(await page.locator("h2").allTextContents()).toEqual([
        "In short",
        "Trends",
        "Rising words",
        "Commonest words",
        "The last run",
        "Sources",
      ]);
      expect(
        await page.evaluate(
          `[...document.querySelectorAll("table")].filter((table) => !table.caption?.textContent).length`,
        ),
      ).toBe(0);
      expect(
        await page.evaluate(
          `new Set([...document.querySelectorAll("[id]")].map(({ id }) => id)).size === document.querySelectorAll("[id]").length`,
        ),
      ).toBe(true);

      await page.locator("#trends-table summary").click();
      expect(await page.locator("#trends-table tbody tr").count()).toBe(30);
      expect(await page.locator("#trends-table thead th").allTextContents()).toEqual([
        "Day",
        "Articles",
        "climate",
        "election",
        "artificial intelligence",
        "interest rates",
      ]);
      await page.locator("#run-table summary").click();
      expect(await page.locator("#run-table tbody tr").count()).toBe(42);
    });
  });

  test("its sources can be sorted, searched and told apart by how they fare", async () => {
    await onPage(madeUpPage(), async (page) => {
      // Those that fail come first.
      expect((await names(page)).slice(0, 3)).toEqual(["Science Weekly", "The Climate Desk", "Radio Six News"]);
      const articles = page.locator("#sources thead button", { hasText: "Articles" });
      const column = async (): Promise<number[]> =>
        (await page.locator("#sources tbody td:nth-child(4)").allTextContents()).map((text) =>
          Number(text.replace(",", "")),
        );
      await articles.click();
      const falling = await column();
      expect(falling).toEqual(falling.toSorted((a, b) => b - a));
      expect(await page.locator("#sources th[aria-sort]").getAttribute("aria-sort")).toBe("descending");
      // By the keyboard as well.
      await articles.focus();
      await page.keyboard.press("Enter");
      expect(await column()).toEqual(falling.toReversed());
      await page.getByLabel("Filter").fill("GAZ");
      expect((await names(page)).toSorted()).toEqual(["Gazzetta del Golfo", "Harbour Gazette"]);
      await page.getByLabel("Filter").fill("");
      await page.getByLabel("only those that fail").check();
      expect(await names(page)).toHaveLength(3);
      expect(await page.locator("#sources-about").textContent()).toBe("3 of 42 sources");
    });
  });

  test("a line is hidden and shown by its button", async () => {
    await onPage(madeUpPage(), async (page) => {
      const before = await coloursOf(page, "#trends canvas");
      const button = page.locator("#trends-legend button", { hasText: "climate" });
      await button.click();
      expect(await button.getAttribute("aria-pressed")).toBe("false");
      await expect.poll(() => coloursOf(page, "#trends canvas")).toBeLessThan(before);
      await button.click();
      await expect.poll(() => coloursOf(page, "#trends canvas")).toBe(before);
    });
  });

  test("the waterfall is gone through by the keyboard, and says what a row is", async () => {
    await onPage(madeUpPage(), async (page) => {
      await page.locator("#waterfall").focus();
      await page.keyboard.press("ArrowDown");
      await page.keyboard.press("ArrowDown");
      const said = await page.locator("#run-row").textContent();
      expect(said).toMatch(/^.+: (read|unchanged|failed), \d.*; .*looked up and connected \d/);
      await page.keyboard.press("End");
      expect(
        await page.locator("#waterfall").evaluate((element) => (element as unknown as { scrollTop: number }).scrollTop),
      ).toBeGreaterThan(0);
      expect(await page.locator("#run-row").textContent()).not.toBe(said);
    });
  });

  test("ten thousand sources are no more to draw than twenty", async () => {
    const data = madeUpPage();
    const many = {
      ...data,
      run: madeUpRun(10_000, (at) => `Source ${at}`),
      health: Array.from({ length: 10_000 }, (_, at) => ({
        ...(data.health[0] as PageData["health"][number]),
        name: `Source ${at}`,
      })),
    };
    await onPage(many, async (page) => {
      expect(await page.locator("#sources tbody tr").count()).toBe(100);
      await page.locator("#more").click();
      expect(await page.locator("#sources tbody tr").count()).toBe(200);
      expect(await page.evaluate("document.querySelectorAll('*').length")).toBeLessThan(6000);
      expect(await page.locator("#waterfall canvas").evaluate((canvas) => (canvas as unknown as Canvas).height)).toBe(
        326,
      );
      await page.locator("#waterfall").focus();
      await page.keyboard.press("End");
      expect(await page.locator("#run-row").textContent()).toMatch(/^Source 9\d\d\d:/);
      await page.locator("#run-table summary").click();
      expect(await page.locator("#run-table .note").textContent()).toBe("… and 9,000 more, in the picture above");
    });
  });

  test("what strangers wrote is shown as they wrote it, and does nothing", async () => {
    const data = madeUpPage();
    const [first] = data.health;
    const hostile: PageData = {
      ...data,
      trends: { ...data.trends, series: [{ term: HOSTILE, group: HOSTILE, counts: data.trends.articles, total: 1 }] },
      top: [{ word: HOSTILE, count: 1, articles: 1 }],
      rising: [{ word: HOSTILE, recent: 1, before: 0, recentRate: 1, beforeRate: 0, score: 4 }],
      health: [
        {
          ...(first as PageData["health"][number]),
          name: HOSTILE,
          url: "javascript:document.title='gone'",
          language: HOSTILE,
          failuresInARow: 2,
          failure: { kind: "status", message: HOSTILE },
        },
      ],
      run: {
        at: TODAY,
        ended: undefined,
        fetches: [{ url: HOSTILE, name: HOSTILE, state: "failed", bytes: 0, timing: { begun: 0, asked: 1, ended: 2 } }],
      },
    };
    await onPage(hostile, async (page) => {
      for (const table of ["#trends-table", "#run-table"]) await page.locator(`${table} summary`).click();
      await page.locator("#waterfall").focus();
      await page.keyboard.press("ArrowDown");
      expect(await page.title()).toBe("News");
      expect(await page.locator("img").count()).toBe(0);
      expect(await page.locator("script").count()).toBe(3);
      expect(await page.locator("#sources a").count()).toBe(0);
      expect(await page.locator("#top tbody th").textContent()).toBe(HOSTILE);
      expect(await page.locator("#sources .why").textContent()).toContain(HOSTILE);
      expect(await page.locator("#run-row").textContent()).toContain("</script><script>");
    });
  });

  test("a memory with nothing in it makes a page that says so", async () => {
    const empty: PageData = {
      made: TODAY,
      chosen: "none",
      trends: { days: ["2026-11-21", "2026-11-22"], articles: [0, 0], series: [] },
      ...{ top: [], rising: [], health: [], run: undefined },
      totals: { articles: 0, sources: 0, failing: 0 },
    };
    await onPage(empty, async (page) => {
      expect(await page.locator("#run-about").textContent()).toBe("There has been none.");
      expect(await page.locator("#top").textContent()).toContain("no words yet");
      expect(await page.locator("#sources-about").textContent()).toBe("0 sources");
    });
  });

  test("a narrow window shows all of it without a scroll bar at the bottom", async () => {
    await onPage(
      madeUpPage(),
      async (page) => {
        expect(await page.evaluate("document.documentElement.scrollWidth <= innerWidth")).toBe(true);
      },
      { width: 390 },
    );
  });

  test("its policy keeps even a script that got in from running", async () => {
    const file = join(folder, "policy.html");
    await run(() => writeHtml(file, madeUpPage()));
    const context = await browser().newContext();
    const page = await context.newPage();
    await page.goto(pathToFileURL(file).href);
    const blocked = page.waitForEvent("requestfailed");
    const refused = page.waitForEvent("console", (message) => message.text().includes("Content Security Policy"));
    await page.evaluate(`{ const script = document.createElement("script"); script.textContent = "document.title = 'gone'"; document.body.append(script);
        const image = document.createElement("img"); image.src = "http://127.0.0.1:9/x.png"; document.body.append(image); }`);
    await refused;
    expect(await page.title()).toBe("News");
    expect((await blocked).failure()?.errorText).toBe("csp");
    await context.close();
  });

  test("a file that cannot be replaced stays as it is", async () => {
    const file = join(folder, "no", "such", "folder.html");
    await expect(run(() => writeHtml(file, madeUpPage()))).rejects.toMatchObject({ code: "ENOENT" });
    const kept = join(folder, "kept.html");
    writeFileSync(kept, "before");
    const broken = { ...madeUpPage(), made: 1n as unknown as number };
    await expect(run(() => writeHtml(kept, broken))).rejects.toThrow(TypeError);
  });
});
