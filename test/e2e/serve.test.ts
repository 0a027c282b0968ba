import { createHash } from "node:crypto";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { fledge } from "../helpers/cli.ts";
import { isRunning } from "../helpers/processes.ts";
import { project } from "../helpers/project.ts";
import {
  codeBundle,
  ended,
  inState,
  messagesIn,
  smallBundle,
  smallProject,
  startService,
  submit,
} from "../helpers/serve.ts";
import { tar } from "../helpers/tar-writer.ts";
import { tempDir } from "../helpers/temp.ts";

const sha256 = (bytes: Buffer) => `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
/** A config that never comes to its end. */
const HANGS = codeBundle("for (;;);");

test("builds a bundle, live, and hands out what it made, whole and in parts", async () => {
  const service = await startService();
  expect(statSync(join(service.state, "s.sock")).mode & 0o777).toBe(0o600);
  const submitted = await submit(service, gzipSync(smallBundle()));
  expect(submitted).toMatchObject({ status: 202, json: { position: 0, isNew: true } });
  const { id } = submitted.json;
  expect(submitted.headers.location).toBe(`/v1/builds/${id}`);
  const live = messagesIn((await service.ask(`/v1/builds/${id}/events`)).text);
  expect(live.map(({ event }) => event).filter((event) => event !== "log" && event !== "stage:progress")).toEqual(
    expect.arrayContaining(["state", "stage:start", "stage:done", "build:done", "end"]),
  );
  expect(live.at(-1)).toMatchObject({
    event: "end",
    data: { id, state: "done", outputs: { artifact: { name: "web-rootfs.tar" } } },
  });
  expect(JSON.stringify(live)).not.toContain(service.state);

  const whole = await service.ask(`/v1/builds/${id}/artifact`);
  const { artifact } = (live.at(-1)?.data.outputs ?? {}) as { artifact: { digest: string; sizeBytes: number } };
  expect([whole.status, sha256(whole.bytes), whole.bytes.length]).toEqual([200, artifact.digest, artifact.sizeBytes]);
  const part = async (range: string, more: Record<string, string> = {}) =>
    await service.ask(`/v1/builds/${id}/artifact`, { headers: { range, ...more } });
  expect((await part("bytes=10-19")).bytes).toEqual(whole.bytes.subarray(10, 20));
  expect((await part("bytes=-7")).bytes).toEqual(whole.bytes.subarray(-7));
  expect((await part(`bytes=${whole.bytes.length - 3}-999999`)).bytes).toEqual(whole.bytes.subarray(-3));
  expect(await part(`bytes=${whole.bytes.length}-`)).toMatchObject({
    status: 416,
    json: { error: { code: "bad-range" } },
  });
  expect((await part("bytes=0-1", { "if-range": '"other"' })).status).toBe(200);
  const etag = whole.headers.etag ?? "";
  expect(etag).toBe(`"${artifact.digest}"`);
  expect(await service.ask(`/v1/builds/${id}/artifact`, { headers: { "if-none-match": etag } })).toMatchObject({
    status: 304,
    text: "",
  });
  expect(await service.ask(`/v1/builds/${id}/artifact`, { method: "HEAD" })).toMatchObject({
    status: 200,
    text: "",
    headers: { "content-length": String(whole.bytes.length) },
  });
  expect((await service.ask(`/v1/builds/${id}/manifest`)).status).toBe(404);

  for (const { id: last } of live.filter(({ id }) => id !== undefined)) {
    const again = messagesIn(
      (await service.ask(`/v1/builds/${id}/events`, { headers: { "last-event-id": String(last) } })).text,
    );
    expect(again).toEqual(live.filter((message) => message.id === undefined || message.id > (last ?? 0)));
  }
  expect((await service.ask("/v1/builds")).json).toMatchObject({
    builds: [{ id, state: "done" }],
    queue: { running: 0, queued: 0 },
  });
  expect((await service.ask("/metrics")).text).toContain('fledge_builds_total{state="done"} 1\n');
  const described = (await service.ask("/v1/openapi.json")).json;
  expect(Object.keys(described.paths)).toContain("/v1/builds/{id}/events");
  expect(described.paths["/v1/builds"].post.parameters.map(({ name }: { name: string }) => name)).toContain("platform");
  for (const path of ["/healthz", "/readyz", "/v1/healthz"]) expect((await service.ask(path)).status).toBe(200);
  await service.stop();
  expect(existsSync(join(service.state, "s.sock"))).toBe(false);
  expect((await service.cli.ended).code).toBe(0);
});

test("cancels in each state within a second, and a build ends when its time is up", async () => {
  const service = await startService({ args: ["--jobs", "1", "--timeout", "20s"] });
  const running = (await submit(service, HANGS)).json.id;
  const waiting = (await submit(service, smallBundle())).json.id;
  await inState(service, running, "running");
  expect((await service.ask(`/v1/builds/${waiting}`)).json).toMatchObject({ state: "queued", position: 1 });
  const cancel = async (id: string) => {
    const started = performance.now();
    const answer = await service.ask(`/v1/builds/${id}`, { method: "DELETE" });
    expect(performance.now() - started).toBeLessThan(1500);
    return answer;
  };
  expect(await cancel(waiting)).toMatchObject({ status: 200, json: { state: "cancelled" } });
  expect(await service.ask(`/v1/builds/${running}/artifact`)).toMatchObject({
    status: 409,
    json: { error: { code: "not-ready" } },
  });
  await new Promise((resolve) => setTimeout(resolve, 1500)); // until it is in its loop
  expect(await cancel(running)).toMatchObject({ status: 200, json: { state: "cancelled" } });
  expect(await cancel(running)).toMatchObject({ status: 200, json: { state: "cancelled" } });
  const hung = (await submit(service, HANGS)).json.id;
  expect(await ended(service, hung)).toMatchObject({
    state: "failed",
    error: { message: expect.stringContaining("longer than 20.0 s") },
  });
  expect(await cancel("000000000-0000000000")).toMatchObject({ status: 404 });
  const good = (await submit(service, smallBundle())).json.id;
  expect(await ended(service, good)).toMatchObject({ state: "done" });
});

test("a start after a kill takes up what waited and what ran; one key is one build", async () => {
  const state = join(tempDir(), "state");
  const first = await startService({ state, args: ["--jobs", "1"] });
  const mark = join(tempDir(), "mark");
  // Waits at its first try, and is done at its second.
  const slow = codeBundle(
    `import { existsSync, writeFileSync } from "node:fs"; if (!existsSync(${JSON.stringify(mark)})) { writeFileSync(${JSON.stringify(mark)}, String(process.pid)); await new Promise(() => setInterval(() => {}, 1000)); }`,
  );
  const [one, two] = [
    (await submit(first, slow, "", { "idempotency-key": "one" })).json.id,
    (await submit(first, smallBundle("two"))).json.id,
  ];
  for (const end = performance.now() + 60_000; !existsSync(mark) && performance.now() < end; ) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  const pid = readFileSync(mark, "utf8");
  expect((await submit(first, slow, "", { "idempotency-key": "one" })).json).toMatchObject({ id: one, isNew: false });
  expect(await submit(first, smallBundle(), "", { "idempotency-key": "one" })).toMatchObject({
    status: 409,
    json: { error: { code: "conflict" } },
  });
  const other = await fledge(["serve", "--state", state, "--socket", join(tempDir(), "s")], {});
  expect([other.code, other.stderr]).toEqual([2, expect.stringContaining("another service keeps its builds")]);
  await first.stop("SIGKILL");
  const second = await startService({ state, args: ["--jobs", "1"] });
  await expect.poll(() => isRunning(pid)).toBe(false);
  expect(await ended(second, one)).toMatchObject({ state: "done", attempts: 2 });
  expect(await ended(second, two)).toMatchObject({ state: "done", attempts: 1 });
  expect((await submit(second, slow, "", { "idempotency-key": "one" })).json).toMatchObject({ id: one, isNew: false });
  await second.stop();
  expect(readdirSync(join(state, "builds", one)).sort()).toEqual(["build.json", "events.jsonl", "out"]);
});

test("refuses what is too much, and what is no project", async () => {
  const service = await startService({
    args: ["--jobs", "1", "--max-queue", "1", "--max-body", "1M", "--max-project", "2M"],
  });
  const big = tar({ name: "big", data: Buffer.alloc(2 ** 21) });
  expect(await submit(service, big)).toMatchObject({ status: 413, json: { error: { code: "too-large" } } });
  expect(await submit(service, gzipSync(big))).toMatchObject({ status: 422 });
  for (const [bundle, words] of [
    [tar({ name: "../x", data: "x" }), "leads out by .."],
    [tar({ name: "/etc/x", data: "x" }), "absolute path"],
    [tar({ name: "x", type: "2", linkname: "/etc/passwd" }), "symlink that leads out"],
    [tar({ name: "x", type: "1", linkname: "y" }), "hard link"],
    [tar({ name: "x", type: "3", major: 1, minor: 3 }), "is a char"],
    [Buffer.from("no tar".repeat(200)), "tar"],
  ] as const) {
    expect(await submit(service, bundle)).toMatchObject({
      status: 422,
      json: { error: { code: "bad-bundle", message: expect.stringContaining(words) } },
    });
  }
  expect(await submit(service, smallBundle(), "config=../x")).toMatchObject({ status: 400 });
  expect(await submit(service, smallBundle(), "platform=what&colour=red")).toMatchObject({
    status: 400,
    json: { error: { problems: expect.any(Array) } },
  });
  expect(
    await service.ask("/v1/builds", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: '{"root":"/etc"}',
    }),
  ).toMatchObject({ status: 403 });
  expect(await service.ask("/nothing")).toMatchObject({ status: 404, json: { error: { code: "not-found" } } });
  const hung = (await submit(service, HANGS)).json.id;
  await inState(service, hung, "running");
  const keyed = { "idempotency-key": "waits" };
  const waiting = (await submit(service, smallBundle(), "", keyed)).json.id;
  const full = {
    ...{ status: 429, headers: { "retry-after": "10" } },
    json: { error: { code: "queue-full", position: 2 } },
  };
  expect(await submit(service, smallBundle())).toMatchObject(full);
  expect(await submit(service, smallBundle(), "", { "idempotency-key": "another" })).toMatchObject(full);
  expect(await submit(service, smallBundle(), "", keyed)).toMatchObject({
    status: 202,
    json: { id: waiting, position: 1, isNew: false },
  });
  expect(await submit(service, smallBundle("other"), "", keyed)).toMatchObject({ status: 409 });
  expect(readdirSync(join(service.state, "uploads"))).toEqual([]);
  await service.stop();
});

test("at an address only with a token, by its own name, and in allowed folders", async () => {
  const folder = tempDir();
  const tokens = join(folder, "tokens");
  const open = await fledge(["serve", "--listen", "127.0.0.1:0", "--state", join(folder, "s")]);
  expect([open.code, open.stderr]).toEqual([2, expect.stringContaining("a listener there needs tokens")]);
  const made = await fledge(["serve", "--tokens", tokens, "--new-token", "ann"]);
  const token = made.stdout.trim();
  expect(token).toMatch(/^fledge_[\w-]{43}$/);
  expect(readFileSync(tokens, "utf8")).not.toContain(token);
  const root = smallProject(join(tempDir(), "plugins/web"));
  const outside = smallProject(tempDir());
  symlinkSync(outside, join(root, "../leads-out"));
  const service = await startService({
    listen: "127.0.0.1:0",
    token,
    args: ["--tokens", tokens, "--root", join(root, "..")],
  });
  const { port } = new URL(service.url);
  for (const wrong of [undefined, "fledge_x", ""]) {
    for (const path of ["/v1/builds", "/metrics", "/v1/builds/000000000-0000000000/artifact?ticket=1.x"]) {
      expect((await service.ask(path, { token: wrong })).status, `${wrong} ${path}`).toBe(401);
    }
  }
  expect((await service.ask("/v1/builds", { token: undefined, headers: { "x-api-key": token } })).status).toBe(200);
  expect((await service.ask("/healthz", { token: undefined })).status).toBe(200);
  for (const host of ["evil.example", `evil.example:${port}`])
    expect((await service.ask("/v1/builds", { headers: { host } })).status).toBe(403);
  expect(
    (await service.ask("/v1/builds", { headers: { host: `localhost:${port}`, origin: "http://evil.example" } }))
      .headers["access-control-allow-origin"],
  ).toBeUndefined();

  const byPath = async (path: string) =>
    await service.ask("/v1/builds", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ root: path }),
    });
  for (const path of [outside, `${root}/../../..`, join(root, "../leads-out"), "/nothing/there"])
    expect((await byPath(path)).status, path).toBe(403);
  expect((await byPath(join(root, "../nothing"))).status).toBe(404);
  const { id } = (await byPath(root)).json;
  expect(await ended(service, id)).toMatchObject({ state: "done", by: "ann", source: { kind: "folder" } });
  expect(readdirSync(root).sort()).toEqual(["fledge.toml", "root"]);
  const ticket = await service.ask(`/v1/builds/${id}/ticket`, { method: "POST" });
  expect((await service.ask(ticket.json.url, { token: undefined })).status).toBe(200);
  expect((await service.ask(ticket.json.url.replace(/.$/, "_"), { token: undefined })).status).toBe(401);

  const original = async (body: object) =>
    await service.ask("/v1/build", { method: "POST", body: JSON.stringify(body), headers: { "x-api-key": token } });
  const output = join(root, "../made.tar");
  expect(await original({ config_path: join(root, "fledge.toml"), output_path: output })).toMatchObject({
    status: 200,
    json: { output },
  });
  expect(readFileSync(output).equals((await service.ask(`/v1/builds/${id}/artifact`)).bytes)).toBe(true);
  for (const body of [
    { config_path: join(outside, "fledge.toml") },
    { config_path: join(root, "fledge.toml"), output_path: "/tmp/x.tar" },
    { config_path: join(root, "fledge.toml"), output_path: join(root, "../leads-out/x.tar") },
  ]) {
    expect((await original(body)).status).toBe(403);
  }
  expect((await original({})).status).toBe(400);
  writeFileSync(join(root, "fledge.toml"), "broken");
  expect(await original({ config_path: join(root, "fledge.toml") })).toMatchObject({
    status: 400,
    json: { error: { message: expect.stringContaining("build failed") } },
  });
  writeFileSync(tokens, "# nobody\n");
  expect((await service.ask("/v1/builds")).status).toBe(401);
  const taken = await fledge([
    "serve",
    "--listen",
    `127.0.0.1:${port}`,
    "--tokens",
    tokens,
    "--state",
    join(folder, "other"),
  ]);
  expect(taken.code).toBe(2);
});

test("a build sees nothing of the service's environment; a declarative one runs no code and reads no other files", async () => {
  const service = await startService({
    env: { FLEDGE_TOKEN: "secret", SECRET: "secret", GIVEN: "given" },
    args: ["--env", "GIVEN"],
  });
  const { id } = (await submit(service, codeBundle('console.log("sees", JSON.stringify(process.env));'))).json;
  expect(await ended(service, id)).toMatchObject({ state: "done" });
  const { text } = await service.ask(`/v1/builds/${id}/events`);
  expect(text).toContain("GIVEN");
  expect(text).not.toContain("secret");
  await service.stop();

  const strict = await startService({ args: ["--declarative"] });
  const code = (await submit(strict, codeBundle(""))).json.id;
  expect(await ended(strict, code)).toMatchObject({ state: "failed", error: { code: "config" } });
  const mapped = tar(
    {
      name: "fledge.toml",
      data: 'version = "1"\nname = "web"\nstrategy = "oci_rootfs"\n[source]\ndir = "root"\n[filesystem]\ntype = "tar"\n[mappings]\n"/etc/passwd" = "/etc/x"\n',
    },
    { name: "root/a", data: "a" },
  );
  const stolen = (await submit(strict, mapped)).json.id;
  expect(await ended(strict, stolen)).toMatchObject({
    state: "failed",
    error: { message: expect.stringContaining("outside of the project") },
  });
  const info = { format: 1, config: "fledge.toml", links: [["fledge.toml", "/etc/passwd"]] };
  const linked = (await submit(strict, tar({ name: ".fledge-bundle.json", data: JSON.stringify(info) }))).json.id;
  expect(await ended(strict, linked)).toMatchObject({
    ...{ state: "failed", error: { message: expect.stringContaining("outside of the project") } },
  });
  const fine = (await submit(strict, smallBundle())).json.id;
  expect(await ended(strict, fine)).toMatchObject({ state: "done" });
});

test("build --remote makes what a build here makes", async () => {
  const tokens = join(tempDir(), "tokens");
  const token = (await fledge(["serve", "--tokens", tokens, "--new-token", "ann"])).stdout.trim();
  const service = await startService({ listen: "127.0.0.1:0", token, args: ["--tokens", tokens] });
  const config = (name: string) =>
    `{ name: "${name}", strategy: "initramfs", busybox: { path: "/bin/busybox" }, init: { path: "./init.sh" }, mappings: { "./site": "/srv/site" }, manifest: { workload: { entrypoint: ["/bin/sh"], baseUrl: "http://127.0.0.1:80" } } }`;
  const files = {
    "fledge.config.ts": `import { x } from "./more.ts"; export default [${config("one")}, ${config("two")}].slice(x);`,
    "more.ts": "export const x = 0;",
    "init.sh": "#!/bin/sh\nexec /bin/sh\n",
    "site/index.html": "hello",
  };
  const [here, there] = [project(files), project(files)];
  for (const folder of [here, there]) symlinkSync("/proc/mounts", join(folder, "site/mounts"));
  const local = await fledge(["build"], { cwd: here });
  expect(local.code, local.stderr).toBe(0);
  const env = { FLEDGE_TOKEN: token };
  const remote = await fledge(["build", "--remote", service.url, "-o", "out/"], { cwd: there, env });
  expect(remote.code, remote.stderr).toBe(0);
  const names = readdirSync(join(there, "out")).sort();
  expect(names).toEqual(
    readdirSync(here)
      .filter((name) => /^(one|two)/.test(name))
      .sort(),
  );
  for (const name of names)
    expect(readFileSync(join(there, "out", name)).equals(readFileSync(join(here, name))), name).toBe(true);
  expect(remote.stdout).toContain("2 built");

  const named = await fledge(["build", "one", "--remote", service.url, "-o", "other.cpio.gz", "--json"], {
    cwd: there,
    env,
  });
  expect(named.code, named.stderr).toBe(0);
  expect(JSON.parse(readFileSync(join(there, "other.manifest.json"), "utf8")).initramfs.url).toBe("other.cpio.gz");
  expect(named.stdout).toContain(`"path":"${join(there, "other.cpio.gz")}"`);

  writeFileSync(join(there, "more.ts"), "export const x = missing;");
  const unread = await fledge(["build", "one", "--remote", service.url], { cwd: there, env });
  expect([unread.code, unread.stderr]).toEqual([2, expect.stringContaining("missing")]);
  writeFileSync(
    join(there, "more.ts"),
    'if (process.env.FLEDGE_BUILD_ID) throw new Error("only there"); export const x = 0;',
  );
  const failed = await fledge(["build", "one", "--remote", service.url], { cwd: there, env });
  expect([failed.code, failed.stderr]).toEqual([2, expect.stringContaining("only there")]);
  expect(failed.stderr).not.toContain("/build/project");
  const wrong = await fledge(["build", "one", "--remote", service.url], { cwd: there, env: { FLEDGE_TOKEN: "x" } });
  expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringContaining("a token is needed")]);
  writeFileSync(join(there, "more.ts"), files["more.ts"]);
  const nobody = await fledge(["build", "one", "--remote", "what"], { cwd: there });
  expect([nobody.code, nobody.stderr]).toEqual([2, expect.stringContaining("no address of a service")]);
  const absent = `unix://${join(tempDir(), "s.sock")}`;
  const lost = await fledge(["build", "one", "--remote", absent], { cwd: there });
  expect([lost.code, lost.stderr]).toEqual([
    1,
    expect.stringContaining(`error no service listens at ${absent}\n  hint`),
  ]);
});

test("a disk that comes from a service has the holes of one that is built here, or none where none are wanted", async () => {
  const service = await startService();
  const disk = (more: string) => {
    const cwd = project({
      "fledge.config.mjs": `export default { name: "web", strategy: "oci_rootfs", source: { dir: "./root" }, filesystem: { type: "ext4", size: "64M", ${more} }, manifest: { workload: { entrypoint: ["/bin/sh"], baseUrl: "http://127.0.0.1:80" } } };`,
    });
    mkdirSync(join(cwd, "root/bin"), { recursive: true });
    copyFileSync("/bin/busybox", join(cwd, "root/bin/sh"));
    return cwd;
  };
  const built = async (cwd: string, ...more: string[]) => {
    const { code, stderr } = await fledge(["build", ...more], { cwd });
    expect(code, stderr).toBe(0);
    const path = join(cwd, "web-rootfs.img");
    return { bytes: readFileSync(path), takes: statSync(path).blocks * 512 };
  };
  const [here, there] = [await built(disk("")), await built(disk(""), "--remote", service.url)];
  expect(there.bytes.equals(here.bytes)).toBe(true);
  expect(here.takes).toBeLessThan(here.bytes.length / 4);
  expect(there.takes).toBeLessThanOrEqual(here.takes + 65_536);
  const full = await built(disk("preallocate: true"), "--remote", service.url);
  expect(full.bytes.equals(here.bytes)).toBe(true);
  expect(full.takes).toBeGreaterThanOrEqual(full.bytes.length);
});

test("Ctrl-C cancels the build there, and nothing is left here", async () => {
  const service = await startService();
  const cwd = project({
    "fledge.config.mjs": `if (process.env.FLEDGE_BUILD_ID) { console.log("in the loop"); for (;;); } export default { name: "web", strategy: "oci_rootfs", source: { dir: "./root" }, filesystem: { type: "tar" } };`,
  });
  mkdirSync(join(cwd, "root"));
  const result = await fledge(["build", "--remote", service.url, "-v"], {
    cwd,
    interrupt: { when: /in the loop/, signal: "SIGINT" },
  });
  expect(result.code, result.stderr).toBe(130);
  const { builds } = (await service.ask("/v1/builds")).json;
  expect(builds).toMatchObject([{ state: "cancelled" }]);
  expect(readdirSync(cwd).sort()).toEqual(["fledge.config.mjs", "root"]);
});
