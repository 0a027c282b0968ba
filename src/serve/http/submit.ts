import type { IncomingMessage } from "node:http";
import { join } from "node:path";
import type { z } from "zod";
import { isFledgeError } from "../../lib/errors.ts";
import { removeTree } from "../../lib/files/atomic.ts";
import { ownerName } from "../../lib/process/owner.ts";
import { receiveBundle, staysInside } from "../bundle/index.ts";
import type { Job, Submitted } from "../queue/index.ts";
import { Refusal } from "../refusal.ts";
import type { Ctx, Service } from "./context.ts";
import { projectBelow } from "./roots.ts";
import { bundleQuerySchema, folderBuildSchema } from "./schemas.ts";

/** Takes a build: a bundle as the body, or a folder of this machine in JSON. */
export async function submit(c: Ctx, service: Service): Promise<Response> {
  const key = c.req.header("idempotency-key");
  if (key !== undefined && !/^[\x21-\x7e]{1,200}$/.test(key)) {
    throw new Refusal("bad-request", "the Idempotency-Key is not 1 to 200 printable characters");
  }
  const isJson = /^application\/json\b/.test(c.req.header("content-type") ?? "");
  const common = { key, by: c.get("by") };
  const submitted = isJson ? await submitFolder(c, service, common) : await submitBundle(c, service, common);
  c.header("Location", `/v1/builds/${submitted.id}`);
  return c.json(submitted, 202);
}

type Common = Pick<Job, "key" | "by">;

async function submitFolder(c: Ctx, service: Service, common: Common): Promise<Submitted> {
  const { root, ...request } = checked(folderBuildSchema, await jsonBody(c.env.incoming), "the body");
  const path = await projectBelow(service.roots, root);
  if (request.config !== undefined) await projectBelow(service.roots, join(path, request.config));
  return await service.queue.submit({ ...common, source: { kind: "folder", path }, request });
}

async function submitBundle(c: Ctx, service: Service, common: Common): Promise<Submitted> {
  const { incoming } = c.env;
  const request = checked(bundleQuerySchema, c.req.query(), "the query");
  if (request.config !== undefined && !staysInside(request.config)) {
    throw new Refusal("bad-request", "config leads out of the bundle", {
      hint: "write it relative to its top, without ..",
    });
  }
  if (Number(incoming.headers["content-length"] ?? 0) > service.maxBodyBytes) throw tooLarge(service.maxBodyBytes);
  await service.queue.assertRoom(common);
  const file = join(service.uploads, `${ownerName()}.tar`);
  try {
    const body = limited(incoming, service.maxBodyBytes);
    const bundle = await receiveBundle(body, file, {
      limits: service.limits,
      env: service.env,
      signal: service.signal,
    });
    return await service.queue.submit({ ...common, source: { kind: "bundle", ...bundle }, request });
  } catch (error) {
    if (isFledgeError(error) && error.code === "source") {
      throw new Refusal("bad-bundle", error.message, { hint: error.hint, problems: error.problems, cause: error });
    }
    throw error;
  } finally {
    await removeTree(file);
  }
}

/** The body, which stays open when it is not read to its end: an answer is to go back by the same connection. */
async function* limited(incoming: IncomingMessage, maxBytes: number): AsyncGenerator<Uint8Array, void, undefined> {
  let bytes = 0;
  for await (const chunk of incoming.iterator({ destroyOnReturn: false })) {
    bytes += (chunk as Uint8Array).length;
    if (bytes > maxBytes) throw tooLarge(maxBytes);
    yield chunk as Uint8Array;
  }
  if (!incoming.complete) throw new Refusal("bad-request", "the body was cut off");
}

function tooLarge(maxBytes: number): Refusal {
  return new Refusal("too-large", `the body is larger than ${maxBytes} bytes`, {
    hint: "serve --max-body sets the limit",
  });
}

const MAX_JSON_BYTES = 65_536;

/** A small JSON body. Throws a `bad-request` for what is none. */
export async function jsonBody(incoming: IncomingMessage): Promise<unknown> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of limited(incoming, MAX_JSON_BYTES)) chunks.push(chunk);
  try {
    return JSON.parse(Buffer.concat(chunks).toString("utf8"));
  } catch (cause) {
    throw new Refusal("bad-request", "the body is not JSON", { cause });
  }
}

/** A value as a schema has it. Throws a `bad-request` with every problem at once. */
export function checked<T extends z.ZodType>(schema: T, value: unknown, what: string): z.output<T> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const problems = result.error.issues.map(({ path, message }) => ({ message: [...path, message].join(": ") }));
  throw new Refusal("bad-request", `${what} is not as it should be`, {
    hint: "GET /v1/openapi.json says how",
    problems,
  });
}
