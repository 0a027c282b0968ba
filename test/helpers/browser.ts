import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";
import { pathToFileURL } from "node:url";
import { onTestFinished } from "vitest";

/** A page in Debian's chromium, driven by the DevTools protocol. */
export type BrowserPage = {
  /** The value of an expression, which may be a promise, as JSON has it. */
  evaluate<T>(expression: string): Promise<T>;
  /** Waits until an expression is true. */
  until(expression: string): Promise<void>;
  press(key: string): Promise<void>;
  type(text: string): Promise<void>;
  /** Loads it again, and waits until that is done. */
  reload(): Promise<void>;
  screenshot(): Promise<Buffer>;
  /** What the page has complained about: exceptions, what its policy has refused, requests. */
  readonly complaints: readonly string[];
};

export type View = { readonly width: number; readonly height: number; readonly scheme: "light" | "dark" };

const LONGEST_WAIT_MS = 60_000;

/** Opens a file, or the address of a service; the browser and its profile are gone when the test is done. */
export async function openPage(file: string, { width, height, scheme }: View): Promise<BrowserPage> {
  const url = /^https?:/.test(file) ? file : pathToFileURL(file).href;
  const origin = url.startsWith("file:") ? "file:" : new URL(url).origin;
  const profile = mkdtempSync(join(tmpdir(), "fledge-browser-"));
  const args = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", `--user-data-dir=${profile}`];
  const child = spawn("chromium", [...args, "--remote-debugging-pipe", "about:blank"], {
    stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"],
    detached: true,
  });
  onTestFinished(async () => {
    // The group, since its other processes would go on to write into the profile.
    process.kill(-(child.pid as number), "SIGKILL");
    await once(child, "close");
    rmSync(profile, { recursive: true, force: true, maxRetries: 20 });
  });
  const call = caller(child.stdio[3] as Writable, child.stdio[4] as Readable);
  const { targetId } = await call("Target.createTarget", { url: "about:blank" });
  const { sessionId } = await call("Target.attachToTarget", { targetId, flatten: true });
  const send = (method: string, params: object = {}) => call(method, params, sessionId as string);
  const complaints: string[] = [];
  call.listeners.push(({ method, params }) => {
    if (method === "Runtime.exceptionThrown") complaints.push(JSON.stringify(params.exceptionDetails));
    if (method === "Log.entryAdded") complaints.push(params.entry.text);
    if (method === "Network.requestWillBeSent" && !params.request.url.startsWith(origin)) {
      complaints.push(`asked for ${params.request.url}`);
    }
  });
  for (const domain of ["Page", "Runtime", "Log", "Network"]) await send(`${domain}.enable`);
  await send("Emulation.setDeviceMetricsOverride", { width, height, deviceScaleFactor: 1, mobile: width < 600 });
  const features = [
    { name: "prefers-color-scheme", value: scheme },
    { name: "prefers-reduced-motion", value: "reduce" },
  ];
  await send("Emulation.setEmulatedMedia", { features });
  await send("Page.navigate", { url });

  const evaluate = async <T>(expression: string): Promise<T> => {
    const { result, exceptionDetails } = await send("Runtime.evaluate", {
      ...{ expression, awaitPromise: true, returnByValue: true },
    });
    if (exceptionDetails !== undefined) throw new Error(JSON.stringify(exceptionDetails));
    return result.value as T;
  };
  const until = async (expression: string): Promise<void> => {
    const end = performance.now() + LONGEST_WAIT_MS;
    while (!(await evaluate<boolean>(expression))) {
      if (performance.now() > end) throw new Error(`never: ${expression}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  };
  await until("document.readyState === 'complete'");
  return {
    evaluate,
    until,
    complaints,
    press: async (key) => {
      const code = { Enter: 13, Escape: 27, Tab: 9, ArrowRight: 39 }[key] ?? 0;
      const event = { key, code: key, windowsVirtualKeyCode: code, ...(key === "Enter" && { text: "\r" }) };
      await send("Input.dispatchKeyEvent", { type: "keyDown", ...event });
      await send("Input.dispatchKeyEvent", { type: "keyUp", ...event });
    },
    reload: async () => {
      const loaded = new Promise<void>((resolve) => {
        call.listeners.push(({ method }) => void (method === "Page.loadEventFired" && resolve()));
      });
      await send("Page.reload");
      await loaded;
    },
    type: async (text) => void (await send("Input.insertText", { text })),
    screenshot: async () => {
      const { data } = await send("Page.captureScreenshot", { captureBeyondViewport: false });
      return Buffer.from(data as string, "base64");
    },
  };
}

// biome-ignore lint/suspicious/noExplicitAny: what the protocol has is typed where it is used.
type Message = any;

/** Messages end with a zero byte; an answer has the number of what was asked. */
function caller(input: Writable, output: Readable) {
  const waiting = new Map<number, { resolve(value: Message): void; reject(error: Error): void }>();
  const listeners: ((message: Message) => void)[] = [];
  let rest = "";
  let asked = 0;
  output.setEncoding("utf8").on("data", (text: string) => {
    const messages = (rest + text).split("\0");
    rest = messages.pop() ?? "";
    for (const one of messages) {
      const message: Message = JSON.parse(one);
      const asker = waiting.get(message.id);
      waiting.delete(message.id);
      if (asker === undefined) for (const listener of listeners) listener(message);
      else if (message.error === undefined) asker.resolve(message.result);
      else asker.reject(new Error(message.error.message));
    }
  });
  const call = (method: string, params: object = {}, sessionId?: string): Promise<Message> => {
    asked += 1;
    const id = asked;
    input.write(`${JSON.stringify({ id, method, params, ...(sessionId && { sessionId }) })}\0`);
    return new Promise((resolve, reject) => waiting.set(id, { resolve, reject }));
  };
  return Object.assign(call, { listeners });
}
