import { createReadStream } from "node:fs";
import { readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { decompress } from "../lib/decompress.ts";
import { FledgeError } from "../lib/errors.ts";
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
  const dependencies = parseDependencies(await textOf(join(folder, "modules.dep")));
  const builtIn = new Set((await textOf(join(folder, "modules.builtin"))).split("\n").map(nameOf));
  const paths = new Set<string>();
  for (const driver of drivers) {
    const path = [...dependencies.keys()].find((key) => nameOf(key) === driver);
    if (path === undefined && !builtIn.has(driver)) throw lacking(kernel, driver);
    // modules.dep lists all that a module needs, what is to be loaded first last.
    if (path !== undefined) for (const one of [path, ...(dependencies.get(path) ?? [])].reverse()) paths.add(one);
  }
  return await Promise.all(
    [...paths].map(async (path) => ({ name: nameOf(path), data: await unpacked(join(folder, path), around) })),
  );
}

/** The lines of modules.dep: a module's path, and the paths of what it needs. */
export function parseDependencies(text: string): Map<string, string[]> {
  const rows = text.split("\n").filter((line) => line.includes(":"));
  return new Map(
    rows.map((line): [string, string[]] => {
      const [path = "", needed = ""] = line.split(":");
      return [path, needed.split(" ").filter((one) => one !== "")];
    }),
  );
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
  const stream = createReadStream(path).on("error", () => {}); // the reader below has it
  try {
    for await (const part of decompress(stream, { label: path, env, signal })) parts.push(part);
  } catch (error) {
    throw ioError(error, "read", path);
  }
  return Buffer.concat(parts);
}

async function textOf(path: string): Promise<string> {
  return await readFile(path, "utf8").catch(() => "");
}
