import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { type BrowserPage, openPage } from "../helpers/browser.ts";
import { fledge } from "../helpers/cli.ts";
import { describeWith, requireTools } from "../helpers/requirements.ts";
import { codeBundle, ended, inState, smallBundle, startService, submit } from "../helpers/serve.ts";
import { tempDir } from "../helpers/temp.ts";

const EVIL = "</script><img src=x onerror=alert(1)>\u202e";
const READY = "performance.getEntriesByName('ready').length === 1";

const text = (page: BrowserPage, selector: string) =>
  page.evaluate<string>(`document.querySelector(${JSON.stringify(selector)}).textContent`);

/** Where somebody wants to look at it, as a person does. */
async function keep(page: BrowserPage, name: string): Promise<void> {
  const folder = process.env.FLEDGE_SCREENSHOTS;
  if (folder === undefined) return;
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, `${name}.png`), await page.screenshot());
}

describeWith("the page of a service in a browser", [requireTools("chromium")], () => {
  test("asks for a token, shows builds as they run, and cancels one, by keys alone", async () => {
    const tokens = join(tempDir(), "tokens");
    const token = (await fledge(["serve", "--tokens", tokens, "--new-token", "ann"])).stdout.trim();
    const service = await startService({ listen: "127.0.0.1:0", token, args: ["--tokens", tokens, "--jobs", "1"] });
    const done = (await submit(service, smallBundle(), "plugin=web&platform=linux/amd64")).json.id;
    await ended(service, done);
    const bad = (await submit(service, codeBundle(`throw new Error(${JSON.stringify(EVIL)});`), "plugin=broken")).json
      .id;
    await ended(service, bad);
    const hung = (await submit(service, codeBundle('console.log("going round"); for (;;);'), "plugin=round")).json.id;
    await submit(service, smallBundle(), "plugin=waits");
    await inState(service, hung, "running");

    const page = await openPage(service.url, { width: 1100, height: 900, scheme: "light" });
    await page.until(READY);
    await page.until("!document.querySelector('#login').hidden && document.activeElement.id === 'token'");
    await page.type("wrong");
    await page.press("Enter");
    await page.until("document.querySelector('#refused').textContent !== ''");
    await page.type(token);
    await page.press("Enter");
    await page.until("document.querySelectorAll('#rows tr').length === 4");
    expect(await text(page, "#facts")).toContain("1 of 1 running");
    const rows = await page.evaluate<string[]>(
      "[...document.querySelectorAll('#rows tr')].map((row) => [...row.children].slice(0, 2).map((cell) => cell.textContent).join(' '))",
    );
    expect(rows).toEqual(["waits queued, place 1", "round running", "broken failed", "web linux/amd64 done"]);

    const press = async (index: number) => {
      await page.evaluate(`document.querySelectorAll('#rows button')[${index}].focus()`);
      await page.press("Enter");
      await page.until(`document.querySelectorAll('#rows tr')[${index}].getAttribute('aria-current') === 'true'`);
    };
    await press(3);
    await page.until("document.querySelectorAll('#stages .done').length > 3");
    expect(await page.evaluate("document.activeElement.id")).toBe("title");
    expect(await text(page, "#artifact")).toContain("web-rootfs.tar (7.0 KiB)");
    await keep(page, "done-light");
    await press(2);
    await page.until("document.querySelector('#problem').textContent.includes('onerror')");
    expect(await text(page, "#problem")).toContain("\\u202e");
    expect(await page.evaluate("document.images.length")).toBe(0);
    await press(1);
    await page.until("document.querySelector('#log').textContent.includes('going round')");
    await page.evaluate("document.querySelector('#cancel').focus()");
    await page.press("Enter");
    await page.until("document.querySelector('#summary').textContent.startsWith('cancelled')");
    await page.until(
      "[...document.querySelectorAll('#rows tr')].every((row) => !/running|queued/.test(row.textContent))",
    );
    expect(await page.evaluate("document.querySelector('#said').textContent")).toContain("cancelled");
    // The browser itself notes the two answers that ask for a token.
    expect(page.complaints.filter((one) => !one.includes("401"))).toEqual([]);
  }, 240_000);

  test("on a narrow dark screen, without builds", async () => {
    const tokens = join(tempDir(), "tokens");
    const token = (await fledge(["serve", "--tokens", tokens, "--new-token", "ann"])).stdout.trim();
    const service = await startService({ listen: "127.0.0.1:0", token, args: ["--tokens", tokens] });
    const page = await openPage(service.url, { width: 400, height: 800, scheme: "dark" });
    await page.until("document.activeElement.id === 'token'");
    await page.type(token);
    await page.press("Enter");
    await page.until("!document.querySelector('#none').hidden");
    expect(await page.evaluate("document.documentElement.scrollWidth <= 400")).toBe(true);
    expect(await page.evaluate("getComputedStyle(document.body).backgroundColor")).toBe("rgb(20, 22, 26)");
    const unnamed =
      "[...document.querySelectorAll('button, input, a')].filter((one) => !one.hidden && !one.labels?.length && one.textContent.trim() === '').length";
    expect(await page.evaluate(unnamed)).toBe(0);
    const { id } = (await submit(service, smallBundle(), "plugin=web")).json;
    await ended(service, id);
    await page.until("document.querySelectorAll('#rows tr').length === 1");
    await page.evaluate("document.querySelector('#rows button').click()");
    await page.until("document.querySelectorAll('#stages .done').length > 3");
    await keep(page, "done-dark-narrow");
  }, 240_000);
});
