import { closeSync, openSync, readSync } from "node:fs";
import type { Lockable, LockEntry } from "../../contract/lock.ts";
import type { RunContext } from "../../lib/context.ts";
import { digestFrom } from "../../lib/digest.ts";
import { FledgeError } from "../../lib/errors.ts";
import { readElf } from "../../rootfs/elf.ts";
import {
  digestOf,
  type FetchContext,
  type Fetched,
  type FetchRequest,
  fetchFile,
  lockablesOfUrl,
  lockedRequest,
  shownPlace,
  unfetched,
} from "../fetch.ts";
import { releaseEntry, releaseKey, releaseLockable } from "./lock.ts";
import type { AgentOptions, ReleaseOptions } from "./options.ts";
import { assetHeaders, findRelease, type ReleaseAsset } from "./release.ts";

const LOCAL_AGENT = 'without the network, agent.path = "./kestrel" names one of this machine';

/** Fetches the agent; throws when what is there is no program, as an error page would be. */
export async function fetchAgent(options: AgentOptions, ctx: FetchContext): Promise<Fetched> {
  const fetched = await fetchAny(options, ctx);
  if (!isProgram(fetched.path)) {
    throw new FledgeError("config", `${originOf(options)} is not a program: it does not begin as an ELF file does`, {
      hint: "an agent is a static Linux binary; is this an error page, an archive or a checksum file?",
    });
  }
  return fetched;
}

/** What a lock can hold of it. */
export function agentLockables(options: AgentOptions): Lockable[] {
  if (!("release" in options)) return lockablesOfUrl("agent", requestOf(options));
  const resolve: Lockable["resolve"] = async (ctx) => {
    const found = await findAsset(options, ctx);
    // What GitHub says of it is believed, and checked when it is fetched.
    const known = digestFrom(options.checksum ?? found.digest);
    const digest = known ?? (await digestOf(assetRequest(options, found), ctx));
    return releaseEntry({ tag: found.tag, url: found.url, digest });
  };
  return [releaseLockable(options, resolve)];
}

async function fetchAny(options: AgentOptions, ctx: FetchContext): Promise<Fetched> {
  if (!("release" in options)) return await fetchFile(ctx, lockedRequest("agent", requestOf(options), ctx.locks));
  const locked = ctx.locks?.get(releaseKey(options));
  const asset = locked === undefined ? await findAsset(options, ctx) : lockedAsset(locked, options, ctx);
  ctx.log(`agent: release ${asset.tag}`);
  return await fetchFile(ctx, assetRequest(options, asset));
}

const SHARED = { what: "the agent", checksumKey: "agent.checksum" };

function requestOf(options: Exclude<AgentOptions, ReleaseOptions>): FetchRequest {
  const { checksum } = options;
  if ("url" in options) return { ...SHARED, from: options.url, checksum, key: "agent.url", instead: LOCAL_AGENT };
  const instead = 'agent.release = "latest" downloads one';
  return { ...SHARED, from: options.path, checksum, key: "agent.path", instead };
}

function assetRequest({ checksum }: ReleaseOptions, { url, digest, headers }: ReleaseAsset): FetchRequest {
  const pin = { checksum: checksum ?? digest, key: "agent.release", headers };
  return { ...SHARED, from: url, ...pin, instead: LOCAL_AGENT };
}

async function findAsset(options: ReleaseOptions, ctx: Pick<RunContext, "env" | "signal">): Promise<ReleaseAsset> {
  return await findRelease(options, ctx).catch((error: unknown) => {
    throw unfetched(error, SHARED.what, LOCAL_AGENT);
  });
}

function lockedAsset(
  { tag = "", url = "", digest }: LockEntry,
  options: ReleaseOptions,
  ctx: FetchContext,
): ReleaseAsset {
  return { tag, url, digest, headers: assetHeaders(url, options, ctx.env) };
}

function isProgram(path: string): boolean {
  const fd = openSync(path, "r");
  try {
    const read = (offset: number, length: number): Uint8Array => {
      const bytes = Buffer.alloc(length);
      return bytes.subarray(0, readSync(fd, bytes, 0, length, offset));
    };
    return readElf(read) !== undefined;
  } finally {
    closeSync(fd);
  }
}

function originOf(options: AgentOptions): string {
  return "path" in options
    ? options.path
    : "url" in options
      ? shownPlace(options.url)
      : `the agent of release ${options.release}`;
}
