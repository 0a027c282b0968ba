import { readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { decompress } from "../lib/decompress.ts";
import { FledgeError } from "../lib/errors.ts";
import { fileBytes } from "../lib/files/file-bytes.ts";
import { ioError } from "../lib/files/io-error.ts";
import type { Surroundings } from "./contract.ts";
import type { Kernel } from "./kernel.ts";

/** A module of a kernel: its name and its bytes, in the order in which they are to be loaded. */
export type KernelModule = { readonly name: string; readonly data: Uint8Array };

/**
 * The drivers of a kernel that it does not have built in, and what they need. Of a kernel without modules on this
 * machine it is taken that all is built in, as in Volant's. Throws a `usage` error for a driver that it cannot have.
 */
export async function modulesFor(
  kernel: Kernel,
  drivers: readonly string[],
  around: Surroundings,
): Promise<KernelModule[]> {
  const { modules: folder } = kernel;
  if (folder === undefined) return [];
  const dependencies = await textOf(join(folder, "modules.dep"));
  const builtIn = await textOf(join(folder, "modules.builtin"));
  const paths = new Set<string>();
  for (const driver of drivers) {
    const [path, ...needed] = dependenciesOf(driver, dependencies);
    if (path === undefined && lineOf(driver, builtIn) === undefined) throw lacking(kernel, driver);
    // modules.dep lists all that a module needs, what is to be loaded first last.
    if (path !== undefined) for (const one of [path, ...needed].reverse()) paths.add(one);
  }
  return await Promise.all(
    [...paths].map(async (path) => ({ name: nameOf(path), data: await unpacked(join(folder, path), around) })),
  );
}

/** A module's path in modules.dep, and the paths of what it needs; nothing for one that is not there. */
function dependenciesOf(name: string, text: string): string[] {
  const line = lineOf(name, text) ?? "";
  return line.split(/[: ]+/).filter((path) => path !== "");
}

/** The line that begins with a module's path. There are thousands, and names have either of - and _. */
function lineOf(name: string, text: string): string | undefined {
  const file = name.replaceAll("_", "[-_]");
  return new RegExp(`^(?:\\S*/)?${file}\\.ko(?:\\.\\w+)?(?=:|$).*`, "m").exec(text)?.[0];
}

function nameOf(path: string): string {
  return basename(path)
    .replace(/\.ko(\.\w+)?$/, "")
    .replaceAll("-", "_");
}

function lacking({ path, release = "" }: Kernel, driver: string): FledgeError {
  return new FledgeError(
    "usage",
    `the kernel ${path} (${release}) has no ${driver}, neither built in nor as a module`,
    {
      hint: "boot another one with --kernel FILE; sudo apt-get install -y linux-image-cloud-amd64 has one",
    },
  );
}

async function unpacked(path: string, { env, signal }: Surroundings): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  try {
    for await (const part of decompress(fileBytes(path, signal), { label: path, env, signal })) parts.push(part);
  } catch (error) {
    throw ioError(error, "read", path);
  }
  return Buffer.concat(parts);
}

async function textOf(path: string): Promise<string> {
  return await readFile(path, "utf8").catch(() => "");
}
