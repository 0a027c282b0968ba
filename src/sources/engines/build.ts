import { copyFile, mkdir, readdir, readFile, symlink, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import type { Env, RunContext } from "../../lib/context.ts";
import { errnoOf, FledgeError } from "../../lib/errors.ts";
import { ioError } from "../../lib/files/io-error.ts";
import { maskFor } from "../../lib/mask.ts";
import { capture, follow } from "../../lib/process/exec.ts";
import { openStaging } from "../../store/staging.ts";
import { ARCHIVE, type BuildRequest, type Engine, ID_FILE, type Leftovers, type Secret } from "./engine.ts";
import type { Prepared } from "./request.ts";

const CLEAN_TIMEOUT_MS = 30_000;

/**
 * Builds the image and returns the path of its archive, which goes with the disposer. Throws a `source` error with the end
 * of what the engine said; nothing of the build is left then but the engine's cache.
 */
export async function buildImage(
  {
    name,
    path,
    engine,
    held,
  }: { readonly name: string; readonly path: string; readonly engine: Engine; readonly held?: string | undefined },
  { request: prepared, hidden, text }: Prepared,
  ctx: RunContext,
): Promise<string> {
  const { path: folder } = await openStaging(ctx.cacheDir, ctx.disposer);
  const request: BuildRequest = {
    ...prepared,
    folder,
    secrets: await linkSecrets(prepared.secrets, folder),
    ...(held !== undefined && held !== text && { dockerfile: await writeHeld(held, prepared.dockerfile, folder) }),
  };
  const archive = join(folder, ARCHIVE);
  const mask = maskFor(hidden);
  const say = (line: string): void => {
    ctx.log(mask(line));
    ctx.progress(0, undefined, mask(line));
  };
  const { signal } = ctx;
  const env = { ...ctx.env, ...engine.variables?.(request) };
  const run = async (argv: readonly string[], what: string): Promise<void> => {
    const { failed, tail } = await follow(path, argv, { signal, env, cwd: folder, onLine: say });
    if (failed) {
      const output = mask(tail);
      throw new FledgeError("source", `${engine.name} could not ${what} ${name}:\n${output}`, { output });
    }
  };
  try {
    await run(engine.build(request, env), "build");
    if (engine.save !== undefined) {
      const image = engine.tag?.(request) ?? (await readFile(join(folder, ID_FILE), "utf8")).trim();
      await run(engine.save(image, ARCHIVE), "save the image of");
    }
  } catch (error) {
    if (engine.leftovers !== undefined) {
      const failures = await removeLeftovers(path, engine.leftovers, { mark: folder, env });
      for (const failure of failures) ctx.warn({ message: `${engine.name} left the container ${failure}` });
    }
    throw error;
  } finally {
    const tag = engine.tag?.(request);
    if (tag !== undefined) await clean(path, engine.untag?.(tag), ctx);
  }
  return archive;
}

/** The Dockerfile with digests for its bases, and beside it what says which files the context has for it. */
async function writeHeld(text: string, dockerfile: string, folder: string): Promise<string> {
  const own = join(folder, "dockerfile");
  await mkdir(own);
  const path = join(own, basename(dockerfile));
  await writeFile(path, text);
  for (const ending of [".dockerignore", ".containerignore"]) {
    await copyFile(`${dockerfile}${ending}`, `${path}${ending}`).catch((error: unknown) => {
      if (errnoOf(error) !== "ENOENT") throw ioError(error, "read", `${dockerfile}${ending}`);
    });
  }
  return path;
}

/** Links with plain names, relative to the folder: engines end a path at a comma, and some at a quote. */
async function linkSecrets(secrets: readonly Secret[], folder: string): Promise<Secret[]> {
  const linked: Secret[] = [];
  for (const [i, secret] of secrets.entries()) {
    if (!("file" in secret)) {
      linked.push(secret);
      continue;
    }
    const file = `secret-${i}`;
    await symlink(secret.file, join(folder, file));
    linked.push({ id: secret.id, file });
  }
  return linked;
}

/** A build that failed early has nothing to take away, so a failure is no news. */
async function clean(path: string, argv: readonly string[] | undefined, { env, log }: RunContext): Promise<void> {
  if (argv === undefined) return;
  const signal = new AbortController().signal;
  const { failed, stderr } = await capture(path, argv, { env, signal, timeoutMs: CLEAN_TIMEOUT_MS });
  if (failed) log(stderr.trim());
}

/**
 * Removes the working containers that mention `mark` in the record that buildah's library keeps of each. They hold what
 * the build had mounted, secrets included. Returns a line for each that could not be removed.
 */
async function removeLeftovers(
  path: string,
  { store, remove }: Leftovers,
  { mark, env }: { readonly mark: string; readonly env: Env },
): Promise<string[]> {
  // The build's own signal has fired by now.
  const options = { env, signal: new AbortController().signal, timeoutMs: CLEAN_TIMEOUT_MS };
  const told = await capture(path, store, options);
  const [root = "", driver = ""] = told.stdout.trim().split("\n");
  if (told.failed || driver === "") return [];
  const folder = join(root, `${driver}-containers`);
  const failures: string[] = [];
  for (const id of await readdir(folder).catch(() => [])) {
    const record = await readFile(join(folder, id, "userdata", "buildah.json"), "utf8").catch(() => "");
    if (!record.includes(mark)) continue;
    const { failed, stderr } = await capture(path, remove(id), options);
    if (failed) failures.push(`${id}: ${stderr.trim()}`);
  }
  return failures;
}
