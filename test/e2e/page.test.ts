import { mkdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { inspectImage } from "../../src/inspect/inspect.ts";
import { openImage } from "../../src/inspect/open.ts";
import { inspectPage } from "../../src/inspect/page/pages.ts";
import { imageReader } from "../../src/inspect/reader.ts";
import { RootfsTree } from "../../src/rootfs/tree.ts";
import { type BrowserPage, openPage } from "../helpers/browser.ts";
import { fledge } from "../helpers/cli.ts";
import { project } from "../helpers/project.ts";
import { describeWith, requireTools } from "../helpers/requirements.ts";
import { tempDir } from "../helpers/temp.ts";

const EVIL = "</script><img src=x onerror=alert(1)>\u202e\u001b[31m";

const TOML = `
version = "1"
strategy = "oci_rootfs"
name = "web"
[source]
dir = "root"
[filesystem]
type = "tar"
[mappings]
"motd" = "/etc/motd"
`;

function write(cwd: string, files: Record<string, string>): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(join(cwd, path, ".."), { recursive: true });
    writeFileSync(join(cwd, path), text);
  }
}

const WIDE = { width: 1280, height: 900, scheme: "light" } as const;
const READY = "performance.getEntriesByName('ready').length === 1";

async function opened(file: string, view: Parameters<typeof openPage>[1] = WIDE): Promise<BrowserPage> {
  const page = await openPage(file, view);
  await page.until(READY);
  return page;
}

const labels = (page: BrowserPage) =>
  page.evaluate<string[]>("[...document.querySelectorAll('#map button')].map((one) => one.getAttribute('aria-label'))");
const text = (page: BrowserPage, selector: string) =>
  page.evaluate<string>(`document.querySelector(${JSON.stringify(selector)}).textContent`);

describeWith("the page in a browser", [requireTools("chromium")], () => {
  test("of a build and of its artifact: zooms, searches, reads, by keys alone", async () => {
    const cwd = project({ "fledge.toml": TOML, motd: "welcome\n".repeat(4000) });
    write(cwd, {
      "root/usr/lib/deep/lib.so": "l".repeat(90_000),
      [`root/usr/share/${EVIL.replace("/", "_")}`]: "x".repeat(9000),
    });
    write(cwd, { "root/etc/passwd": "root:x:0:0::/:/bin/sh\n" });
    const options = { cwd, env: { FLEDGE_CACHE_DIR: join(cwd, "cache") } };
    const built = await fledge(["build", "--html", "build.html"], options);
    expect(built.code, built.stderr).toBe(0);
    const inspected = await fledge(["inspect", "web-rootfs.tar", "--html", "web.html"], options);
    expect(inspected.code, inspected.stderr).toBe(0);

    const build = await opened(join(cwd, "build.html"));
    expect(await text(build, "main")).toMatch(/Stages.*write/s);
    expect(build.complaints).toEqual([]);

    const page = await opened(join(cwd, "web.html"));
    expect(await labels(page)).toEqual([
      "usr, folder, 100.0 KiB, 73.5 %, source",
      "etc, folder, 36.0 KiB, 26.5 %, mapping motd",
    ]);
    expect(await text(page, "#legend")).toContain("mapping motd 32.0 KiB");
    await page.evaluate("document.querySelector('#map button').focus()");
    await page.press("ArrowRight");
    expect(await page.evaluate("document.activeElement.getAttribute('aria-label')")).toMatch(/^etc/);
    await page.press("Enter");
    await page.until("document.querySelector('#here').textContent === 'In /etc'");
    expect(await text(page, "#rows")).toContain("motd32.0 KiB");
    expect(await text(page, "#said")).toBe("/etc: 36.0 KiB in 2 parts");
    await page.press("Escape");
    await page.until("document.querySelector('#here').textContent === 'In all of it'");

    await page.evaluate("document.querySelector('#search').focus()");
    await page.type("LIB.so");
    await page.until("document.querySelector('#count').textContent === '1 found'");
    expect(await text(page, "#hits")).toBe("/usr/lib/deep/lib.so88.0 KiB · source");
    await page.press("Enter");
    await page.until("document.querySelector('#here').textContent === 'In /usr/lib/deep'");
    expect(await text(page, "#crumbs")).toBe("/usrlibdeep");

    expect(await page.evaluate("document.images.length")).toBe(0);
    expect(await text(page, "main")).toContain("onerror=alert(1)>\\u202e\\x1b[31m");
    expect(page.complaints).toEqual([]);
  }, 180_000);

  test("of a difference, on a narrow dark screen", async () => {
    const cwd = tempDir();
    write(cwd, { "a/same": "s".repeat(20_000), "a/gone": "g".repeat(9000), "a/old": "o".repeat(5000), "a/mode": "m" });
    write(cwd, {
      "b/same": "s".repeat(20_000),
      "b/new": "n".repeat(9000),
      "b/moved": "o".repeat(5000),
      "b/mode": "mm",
    });
    const { code, stdout } = await fledge(["diff", "a", "b", "--html", "diff.html"], { cwd });
    expect([code, stdout]).toEqual([1, expect.stringContaining("1 added, 1 removed, 1 changed, 1 renamed")]);
    const page = await opened(join(cwd, "diff.html"), { width: 400, height: 800, scheme: "dark" });
    expect((await labels(page)).map((label) => label.replace(/,.*,/, ":")).sort()).toEqual([
      "gone: removed",
      "mode: changed",
      "moved: renamed",
      "new: added",
      "same: same",
    ]);
    expect(await page.evaluate("document.documentElement.scrollWidth <= 400")).toBe(true);
    const isWhole =
      "[...document.querySelectorAll('#legend b')].map((one) => one.getBoundingClientRect().right <= 390)";
    expect(await page.evaluate(isWhole), "each size of the legend").toEqual([true, true, true, true, true]);
    expect(await page.evaluate("getComputedStyle(document.body).backgroundColor")).toBe("rgb(20, 22, 26)");
    expect(page.complaints).toEqual([]);
  }, 180_000);

  /** A page of so many files, and how long a browser takes until it is there: the best of three, a machine may be busy. */
  async function timed(files: number) {
    const tree = new RootfsTree();
    for (let i = 0; i < files; i++) {
      const path = `/usr/lib/part-${i % 13}/package-${i % 997}/module-${(i * 7919) % 120_000}.py`;
      tree.writeFile(path, Buffer.alloc(1 + ((i * 31) % 9000)));
    }
    const reader = imageReader({
      ...{ target: `${files} files`, format: "folder", facts: {}, lacks: [], root: tree.root },
      close: async () => {},
    });
    const file = join(tempDir(), "page.html");
    writeFileSync(file, inspectPage(reader, inspectImage(reader)));
    const page = await opened(file);
    const times: number[] = [];
    for (let i = 0; i < 3; i++) {
      times.push(await page.evaluate<number>("performance.getEntriesByName('ready')[0].startTime"));
      await page.reload();
      await page.until(READY);
    }
    return { page, bytes: statSync(file).size, readyMs: Math.min(...times) };
  }

  test("120,000 files weigh less than 2 MB, and are there within a second of what a page takes anyway", async () => {
    const few = await timed(20);
    const { page, bytes, readyMs } = await timed(120_000);
    const figures = `120,000 files: ${bytes} bytes, ready in ${readyMs.toFixed(0)} ms; 20 files: ${few.readyMs.toFixed(0)} ms`;
    process.stderr.write(`${figures}\n`);
    expect(bytes).toBeLessThan(2_000_000);
    expect(readyMs - few.readyMs, figures).toBeLessThan(1000);
    await page.evaluate("document.querySelector('#search').focus()");
    await page.type("module-77.py");
    await page.until("document.querySelector('#count').textContent === '1 found'");
    expect(page.complaints).toEqual([]);
  }, 240_000);
});

test("a page is the same each time, and brings nothing from elsewhere", async () => {
  const folder = tempDir();
  write(folder, { "root/a": "a", "root/b/c": "c" });
  const reader = await openImage(join(folder, "root"));
  const page = inspectPage(reader, inspectImage(reader));
  expect(page).toBe(inspectPage(reader, inspectImage(reader)));
  expect(page).not.toMatch(/\b(?:src|href)=|url\(|@import|https?:/);
  await reader.close();
});
