import { mkdirSync, writeFileSync } from "node:fs";
import { type IncomingHttpHeaders, type IncomingMessage, request } from "node:http";
import { join } from "node:path";
import { type CliOptions, type RunningCli, startFledge } from "./cli.ts";
import { tar } from "./tar-writer.ts";
import { tempDir } from "./temp.ts";

/** A `fledge serve` that runs, by the built command. */
export type TestService = {
  readonly url: string;
  readonly state: string;
  readonly cli: RunningCli;
  ask(path: string, options?: AskOptions): Promise<Answer>;
  /** Opens a request whose answer is read by the test, or not at all. */
  open(path: string, options?: AskOptions): Promise<IncomingMessage>;
  stop(signal?: NodeJS.Signals): Promise<void>;
};

export type AskOptions = {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: Buffer | string;
  readonly token?: string | undefined;
};

export type Answer = {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  readonly bytes: Buffer;
  // biome-ignore lint/suspicious/noExplicitAny: what an answer has is checked where it is used.
  readonly json: any;
};

export type ServeTestOptions = CliOptions & {
  readonly state?: string;
  readonly args?: readonly string[];
  /** For a listener of TCP. */
  readonly token?: string;
  readonly listen?: string;
};

/** Starts a service at a socket, or at an address; it is killed when the test is done. */
export async function startService(options: ServeTestOptions = {}): Promise<TestService> {
  const { state = join(tempDir(), "state"), args = [], token, listen, ...rest } = options;
  const where = listen === undefined ? ["--socket", join(state, "s.sock")] : ["--listen", listen];
  const cli = startFledge(["serve", "--json", "--state", state, ...where, ...args], rest);
  const said = await cli.until(/"type":"serve:ready","url":"[^"]+"/);
  const url = /"url":"([^"]+)"/.exec(said)?.[1] ?? "";
  const open = (path: string, asked: AskOptions = {}) => send(url, path, { token, ...asked });
  return {
    ...{ url, state, cli, open },
    ask: async (path, asked) => await answerOf(await open(path, asked)),
    stop: async (signal = "SIGTERM") => {
      cli.kill(signal);
      await cli.ended;
    },
  };
}

export async function answerOf(response: IncomingMessage): Promise<Answer> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  const bytes = Buffer.concat(chunks);
  const text = bytes.toString("utf8");
  const isJson = response.headers["content-type"]?.startsWith("application/json") ?? false;
  return {
    ...{ status: response.statusCode ?? 0, headers: response.headers, bytes, text },
    json: isJson ? JSON.parse(text) : undefined,
  };
}

function send(url: string, path: string, { method, headers, body, token }: AskOptions): Promise<IncomingMessage> {
  const { hostname, port } = url.startsWith("unix:") ? { hostname: undefined, port: undefined } : new URL(url);
  const where = hostname === undefined ? { socketPath: url.slice("unix://".length) } : { hostname, port };
  const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` };
  return new Promise((resolve, reject) => {
    const options = {
      ...where,
      path,
      method: method ?? "GET",
      headers: { ...authorization, ...headers },
      agent: false,
    };
    const asked = request(options, resolve);
    asked.on("error", reject);
    asked.end(body);
  });
}

const TOML = (name: string) =>
  `version = "1"\nname = "${name}"\nstrategy = "oci_rootfs"\n[source]\ndir = "root"\n[filesystem]\ntype = "tar"\n`;

/** A bundle as by hand: a plugin that is a tar of one file. */
export function smallBundle(name = "web", text = "hello"): Buffer {
  return tar({ name: "fledge.toml", data: TOML(name) }, { name: "root/etc/motd", data: text });
}

/** One whose config runs `code` as it is loaded. */
export function codeBundle(
  code: string,
  config = '{ name: "web", strategy: "oci_rootfs", source: { dir: "./root" }, filesystem: { type: "tar" } }',
): Buffer {
  return tar(
    { name: "fledge.config.mjs", data: `${code}\nexport default ${config};` },
    { name: "root/etc/motd", data: "hello" },
  );
}

/** The same as a folder. */
export function smallProject(folder: string, name = "web"): string {
  mkdirSync(join(folder, "root/etc"), { recursive: true });
  writeFileSync(join(folder, "fledge.toml"), TOML(name));
  writeFileSync(join(folder, "root/etc/motd"), "hello");
  return folder;
}

export async function submit(
  service: TestService,
  bundle: Buffer,
  query = "",
  headers: Record<string, string> = {},
): Promise<Answer> {
  return await service.ask(`/v1/builds?${query}`, {
    ...{ method: "POST", body: bundle },
    headers: { "content-type": "application/x-tar", ...headers },
  });
}

/** Waits for a build to be in a state. */
export async function inState(service: TestService, id: string, ...states: string[]) {
  for (const end = performance.now() + 120_000; performance.now() < end; ) {
    const { json } = await service.ask(`/v1/builds/${id}`);
    if (states.includes(json.state)) return json;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`build ${id} is never ${states}: ${(await service.ask(`/v1/builds/${id}`)).text}`);
}

export async function ended(service: TestService, id: string) {
  return await inState(service, id, "done", "failed", "cancelled");
}

export type Sse = { readonly id?: number; readonly event: string; readonly data: Record<string, unknown> };

/** The messages of a stream of events. */
export function messagesIn(text: string): Sse[] {
  return text.split("\n\n").flatMap((block) => {
    const fields = Object.fromEntries(
      block.split("\n").map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 2)]),
    );
    if (fields.data === undefined) return [];
    return {
      event: fields.event ?? "",
      data: JSON.parse(fields.data),
      ...(fields.id !== undefined && { id: Number(fields.id) }),
    };
  });
}
