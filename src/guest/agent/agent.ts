import { closeSync, openSync, readSync } from "node:fs";
import { FledgeError } from "../../lib/errors.ts";
import { readElf } from "../../rootfs/elf.ts";
import { type FetchContext, type Fetched, fetchFile, shownPlace, unfetched } from "../fetch.ts";
import type { AgentOptions } from "./options.ts";
import { findRelease } from "./release.ts";

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

async function fetchAny(options: AgentOptions, ctx: FetchContext): Promise<Fetched> {
  const instead = "path" in options ? 'agent.release = "latest" downloads one' : LOCAL_AGENT;
  const shared = { what: "the agent", checksumKey: "agent.checksum", instead };
  const { checksum } = options;
  if ("path" in options) return await fetchFile(ctx, { ...shared, from: options.path, checksum, key: "agent.path" });
  if ("url" in options) return await fetchFile(ctx, { ...shared, from: options.url, checksum, key: "agent.url" });
  const { tag, url, digest, headers } = await findRelease(options, ctx).catch((error: unknown) => {
    throw unfetched(error, shared.what, instead);
  });
  ctx.log(`agent: release ${tag}`);
  return await fetchFile(ctx, { ...shared, from: url, checksum: checksum ?? digest, key: "agent.release", headers });
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
