import { closeSync, openSync, readSync } from "node:fs";
import type { Lockable } from "../../contract/lock.ts";
import { FledgeError } from "../../lib/errors.ts";
import { readElf } from "../../rootfs/elf.ts";
import { type Downloadable, downloadLockables, fetchDownload, placeOf } from "../download.ts";
import type { FetchContext, Fetched } from "../fetch.ts";
import type { AgentOptions } from "./options.ts";

const AGENT: Downloadable = {
  ...{ kind: "agent", what: "the agent", key: "agent", asset: "kestrel" },
  local: 'without the network, agent.path = "./kestrel" names one of this machine',
  remote: 'agent.release = "latest" downloads one',
};

/** Fetches the agent; throws when what is there is no program, as an error page would be. */
export async function fetchAgent(options: AgentOptions, ctx: FetchContext): Promise<Fetched> {
  const fetched = await fetchDownload(AGENT, options, ctx);
  if (!isProgram(fetched.path)) {
    const place = "release" in options ? `the agent of release ${options.release}` : placeOf(options);
    throw new FledgeError("config", `${place} is not a program: it does not begin as an ELF file does`, {
      hint: "an agent is a static Linux binary; is this an error page, an archive or a checksum file?",
    });
  }
  return fetched;
}

/** What a lock can hold of it. */
export function agentLockables(options: AgentOptions): Lockable[] {
  return downloadLockables(AGENT, options);
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
