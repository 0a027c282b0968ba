import type { Warning } from "../lib/context.ts";
import { missingChecksum } from "./artifact.ts";
import type { Manifest } from "./schema.ts";

/** What Volant accepts and what yet will not do what its author may think. */
export function manifestWarnings(manifest: Manifest): Warning[] {
  return [
    ...versionWarnings(manifest),
    ...programWarnings(manifest),
    ...trimmedWarnings(manifest),
    ...checksumWarnings(manifest),
    ...networkWarnings(manifest.network?.mode),
  ];
}

/** Volant starts Cloud Hypervisor with `--vsock` but names no socket, without which that does not start. */
export function networkWarnings(mode: string | undefined): Warning[] {
  if (mode !== "vsock") return [];
  return [
    {
      message: 'network.mode is "vsock": Volant accepts it, and the versions known to fledge cannot start such a guest',
      hint: 'leave network out, which means bridged, or write "dhcp"',
    },
  ];
}

function versionWarnings({ schema_version: version }: Manifest): Warning[] {
  if (version === "v1") return [];
  return [{ message: `schema_version is ${JSON.stringify(version)}: Volant does not read it`, hint: 'write "v1"' }];
}

/** On a disk the agent is started without a PATH; in an archive the init gives it one. */
function programWarnings({ rootfs, workload }: Manifest): Warning[] {
  const program = workload.entrypoint[0]?.trim() ?? "";
  if (rootfs === undefined || program.includes("/")) return [];
  return [
    {
      message: `workload.entrypoint[0] is ${JSON.stringify(program)}: on a disk the agent has no PATH and will not find it`,
      hint: "write the program's absolute path",
    },
  ];
}

function checksumWarnings({ rootfs, initramfs, disks = [] }: Manifest): Warning[] {
  const media = { rootfs, initramfs };
  const missing = (["rootfs", "initramfs"] as const).filter((kind) => media[kind] && !media[kind].checksum);
  const all: [key: string, checksum: string | undefined][] = [
    ["rootfs.checksum", rootfs?.checksum],
    ["initramfs.checksum", initramfs?.checksum],
    ...disks.map(({ checksum }, index): [string, string | undefined] => [`disks[${index}].checksum`, checksum]),
  ];
  const bare = all.filter(([, checksum]) => checksum !== undefined && /^[0-9a-f]{64}$/i.test(checksum));
  return [
    ...missing.map((kind) => ({ message: missingChecksum(kind), hint: '"checksum": "sha256:..." of the artifact' })),
    ...bare.map(([key, checksum]) => ({
      message: `${key} names no algorithm: Volant takes it for SHA-256`,
      hint: `write "sha256:${checksum}"`,
    })),
  ];
}

/** Volant trims every word of the command and every variable, and drops the words that are empty then. */
function trimmedWarnings({ workload }: Manifest): Warning[] {
  const words = workload.entrypoint.flatMap((word, index): Warning[] => {
    if (!isTrimmed(word) && word !== "") return [];
    const fate = word.trim() === "" ? "drops it" : "trims it";
    return [{ message: `workload.entrypoint[${index}] is ${JSON.stringify(word)}: Volant ${fate}`, hint: WRAPPER }];
  });
  const variables = Object.entries(workload.env ?? {}).flatMap(([name, value]): Warning[] => {
    if (!isTrimmed(value) && !isTrimmed(name)) return [];
    return [{ message: `workload.env.${name} has white space at an end: Volant trims it`, hint: WRAPPER }];
  });
  const workdir: Warning[] = isTrimmed(workload.workdir)
    ? [{ message: `workload.workdir is ${JSON.stringify(workload.workdir)}: Volant trims it` }]
    : [];
  return [...words, ...variables, ...workdir];
}

function isTrimmed(text = ""): boolean {
  return text.trim() !== text;
}

const WRAPPER = "put it into a script in the guest if the program needs it";
