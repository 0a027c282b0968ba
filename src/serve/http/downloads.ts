import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { Readable } from "node:stream";
import { hexOf } from "../../lib/digest.ts";
import { errnoOf } from "../../lib/errors.ts";
import { hasEnded, type OutputFile } from "../queue/index.ts";
import { Refusal } from "../refusal.ts";
import { buildOf, type Ctx, type Service } from "./context.ts";

/** Answers with what a build has made, or a part of it (RFC 9110, 14). */
export async function download(c: Ctx, service: Service, what: "artifact" | "manifest"): Promise<Response> {
  const view = await buildOf(c, service);
  const file = view.outputs?.[what];
  const path = await service.queue.output(view.id, what);
  if (file === undefined || path === undefined) {
    if (!hasEnded(view.state)) {
      throw new Refusal("not-ready", `build ${view.id} is ${view.state}`, {
        hint: "wait for its end: GET /v1/builds/ID/events",
        retryAfterSec: 2,
      });
    }
    throw new Refusal("not-found", `build ${view.id} has no ${what}: it is ${view.state}`);
  }
  return await sendFile(c, path, file);
}

async function sendFile(c: Ctx, path: string, { name, digest }: OutputFile): Promise<Response> {
  const etag = `"${digest}"`;
  c.header("ETag", etag);
  c.header("Accept-Ranges", "bytes");
  c.header("Cache-Control", "private, no-cache");
  c.header("Repr-Digest", `sha-256=:${Buffer.from(hexOf(digest), "hex").toString("base64")}:`);
  if (matches(c.req.header("if-none-match"), etag)) return c.body(null, 304);
  const handle = await openOutput(path);
  try {
    const { size } = await handle.stat();
    const ifRange = c.req.header("if-range");
    const range = ifRange === undefined || ifRange === etag ? rangeOf(c.req.header("range"), size) : undefined;
    const { first, last } = range ?? { first: 0, last: size - 1 };
    c.header("Content-Type", name.endsWith(".json") ? "application/json" : "application/octet-stream");
    c.header("Content-Disposition", `attachment; filename*=UTF-8''${encodeURIComponent(name)}`);
    c.header("Content-Length", String(last - first + 1));
    if (range !== undefined) c.header("Content-Range", `bytes ${first}-${last}/${size}`);
    const status = range === undefined ? 200 : 206;
    if (c.req.method === "HEAD" || size === 0) {
      await handle.close();
      return c.body(null, status);
    }
    const stream = handle.createReadStream({ start: first, end: last, highWaterMark: 2 ** 18 });
    return c.body(Readable.toWeb(stream) as ReadableStream<Uint8Array>, status);
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** A build may have left anything in its folder. */
async function openOutput(path: string): Promise<FileHandle> {
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const handle = await open(path, flags).catch((error: unknown) => {
    if (errnoOf(error) === "ENOENT") throw new Refusal("not-found", "it has been removed meanwhile");
    throw error;
  });
  if ((await handle.stat()).isFile()) return handle;
  await handle.close();
  throw new Refusal("not-found", "it is no file");
}

function matches(header: string | undefined, etag: string): boolean {
  const tags = header?.split(",").map((tag) => tag.trim().replace(/^W\//, "")) ?? [];
  return tags.includes(etag) || tags.includes("*");
}

/** One range; several, which a server need not answer with, and what is none, are the whole. Throws a `bad-range`. */
function rangeOf(header: string | undefined, size: number): { first: number; last: number } | undefined {
  const [, from, to] = /^bytes=(\d*)-(\d*)$/.exec(header?.replaceAll(" ", "") ?? "") ?? [];
  if (from === undefined || to === undefined || (from === "" && to === "")) return undefined;
  const first = from === "" ? Math.max(0, size - Number(to)) : Number(from);
  const last = from === "" || to === "" ? size - 1 : Math.min(Number(to), size - 1);
  if (to !== "" && from !== "" && Number(to) < Number(from)) return undefined;
  if (first < size && first <= last) return { first, last };
  throw new Refusal("bad-range", `there are ${size} bytes`);
}
