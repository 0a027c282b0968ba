import { readFile } from "node:fs/promises";
import type { Digest } from "../../lib/digest.ts";
import { FledgeError } from "../../lib/errors.ts";
import { readElf } from "../../rootfs/elf.ts";
import { type FetchContext, fetchFile, shownPlace } from "../fetch.ts";
import { type Applet, readApplets } from "./applets.ts";
import { type BusyboxOptions, DEFAULT_BUSYBOX } from "./options.ts";

const DEBIAN_BUSYBOX = 'sudo apt-get install -y busybox-static, then busybox.path = "/bin/busybox"';

/** A BusyBox binary on the host, and what it offers. */
export type Busybox = { readonly path: string; readonly digest: Digest; readonly applets: readonly Applet[] };

/** Fetches BusyBox and reads its applets. Throws when it is not a static BusyBox. */
export async function fetchBusybox(options: BusyboxOptions, ctx: FetchContext): Promise<Busybox> {
  const key = "url" in options ? "busybox.url" : "busybox.path";
  const from = "url" in options ? options.url : options.path;
  const checksum = options.sha256 ?? (from === DEFAULT_BUSYBOX.url ? DEFAULT_BUSYBOX.sha256 : undefined);
  const { path, digest } = await fetchFile(ctx, {
    from,
    checksum,
    what: "BusyBox",
    instead: `${DEBIAN_BUSYBOX} is one of this machine`,
    key,
    checksumKey: "busybox.sha256",
  });

  const binary = await readFile(path);
  const elf = readElf((offset, length) => binary.subarray(offset, offset + length));
  if (elf === undefined) throw unusable(shownPlace(from), "is not a program");
  if (elf.interpreter !== undefined)
    throw unusable(shownPlace(from), `is dynamically linked (it needs ${elf.interpreter})`);
  const table = readApplets(binary);
  if (table === undefined) throw unusable(shownPlace(from), "has no table of applets");
  if (!table.areLocated) ctx.log("this BusyBox does not say where its applets belong; all are linked in /bin");
  ctx.log(`BusyBox ${digest} offers ${table.applets.length} applets`);
  return { path, digest, applets: table.applets };
}

function unusable(from: string, why: string): FledgeError {
  return new FledgeError("config", `${from} cannot be the guest's BusyBox: it ${why}`, {
    hint: `a static one is needed: ${DEBIAN_BUSYBOX}`,
  });
}
