import { constants } from "node:fs";
import { copyFile, readFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { FledgeError } from "../../lib/errors.ts";
import { removeTree, temporarySibling } from "../../lib/files/atomic.ts";
import { putInPlace } from "../place.ts";
import type { BuildView } from "../queue/index.ts";
import { Refusal } from "../refusal.ts";
import { requestSchema } from "../request.ts";
import type { Ctx, Service } from "./context.ts";
import { placeBelow, projectBelow } from "./roots.ts";
import { originalBuildSchema } from "./schemas.ts";
import { checked, jsonBody } from "./submit.ts";

/**
 * `POST /v1/build` of the Go original: builds a config of this machine, writes the artifact where it was asked for (and its
 * manifest beside it), and answers when that is done. Both are below the roots. Whoever goes away before ends the build.
 */
export async function buildAsOriginal(c: Ctx, service: Service): Promise<Response> {
  const body = checked(originalBuildSchema, await jsonBody(c.env.incoming), "the body");
  const config = await projectBelow(service.roots, body.config_path);
  const asked = body.output_path === "" ? undefined : await placeBelow(service.roots, body.output_path);
  const { id } = await service.queue.submit({
    source: { kind: "folder", path: dirname(config) },
    request: requestSchema.parse({ config: basename(config) }),
    by: c.get("by"),
  });
  const gone = c.req.raw.signal;
  const cancel = (): void => void service.queue.cancel(id);
  gone.addEventListener("abort", cancel);
  try {
    for await (const _event of service.queue.events(id, 0, service.signal));
  } finally {
    gone.removeEventListener("abort", cancel);
  }
  const view = await service.queue.get(id);
  if (view?.state !== "done") throw unfinished(view);
  const name = view.outputs?.artifact.name ?? "";
  const output = asked ?? join(dirname(config), name);
  await copyOut(view, output, service);
  return c.json({ output });
}

function unfinished(view: BuildView | undefined): FledgeError {
  const { code, message, hint, problems } = view?.error ?? {};
  if (message === undefined || code === undefined) {
    return new Refusal("unavailable", "the build was ended before it was done", { retryAfterSec: 5 });
  }
  return new FledgeError(code, `build failed: ${message}`, { hint, ...(problems !== undefined && { problems }) });
}

async function copyOut(view: BuildView, output: string, { queue, signal }: Service): Promise<void> {
  const [from, manifestPath] = [await queue.output(view.id, "artifact"), await queue.output(view.id, "manifest")];
  if (from === undefined) throw new Refusal("not-found", "the build was removed before its artifact was copied");
  const temporary = await temporarySibling(output);
  try {
    await copyFile(from, temporary, constants.COPYFILE_FICLONE);
    const stem = basename(output).replace(/(-rootfs)?\.(img|cpio(\.\w+)?)$/, "");
    const outputs = {
      artifact: output,
      ...(manifestPath !== undefined && { manifest: join(dirname(output), `${stem}.manifest.json`) }),
    };
    const manifest = manifestPath === undefined ? undefined : await readFile(manifestPath, "utf8");
    const ctx = { signal, progress: () => {}, log: () => {} };
    await putInPlace(outputs, { artifact: temporary, name: basename(from), manifest }, ctx);
  } finally {
    await removeTree(temporary);
  }
}
