import type { Requirement } from "../../lib/process/requirements.ts";
import type { Tool } from "../../lib/process/tools.ts";
import type { LoopFilesystem } from "./filesystem.ts";

/** tar is GNU's: no other keeps times before 1970 and the times of folders with all attributes (bsdtar 3.6.2 does not). */
const GNU_TAR: Tool = {
  name: "tar",
  reason: "write the tree into the mounted image",
  package: "tar",
  version: {
    argv: ["--version"],
    parse: (output) => /\(GNU tar\) (\S+)/.exec(output)?.[1] ?? /\S.*/.exec(output)?.[0],
    objection: (version) => (/^\d/.test(version) ? undefined : "is not GNU tar"),
  },
};

const UTIL_LINUX: readonly Tool[] = ["unshare", "mount", "umount"].map((name) => ({
  name,
  reason: "mount the image where nobody else sees it",
  package: name === "unshare" ? "util-linux" : "mount",
}));

const FALLOCATE: Tool = { name: "fallocate", reason: "preallocate the image", package: "util-linux" };

/** All that the loop engine needs of the machine; `instead` of each says how to do without. */
export function loopRequirements(
  { type, tools }: LoopFilesystem,
  { preallocate }: { readonly preallocate: boolean },
): Requirement[] {
  const reason = `write the ${type} image`;
  const instead =
    type === "ext4"
      ? 'filesystem.engine = "native" (needs no root, no tool and no mount)'
      : 'filesystem.type = "ext4" (needs no root, no tool and no mount)';
  const programs = [...tools, ...UTIL_LINUX, GNU_TAR, ...(preallocate ? [FALLOCATE] : [])];
  return [
    { kind: "root", reason: `mount the ${type} image`, instead },
    ...programs.map((tool): Requirement => ({ kind: "tool", anyOf: [{ ...tool, instead }] })),
    { kind: "loop-device", reason, instead },
    { kind: "kernel-filesystem", name: type, reason, instead },
  ];
}
