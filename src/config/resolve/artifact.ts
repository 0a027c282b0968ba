import { dirname, join } from "node:path";
import type { ResolvedFilesystem } from "../../contract/recipe.ts";
import { type ResolvedCpioOptions, resolveCpioOptions } from "../../imagers/cpio/options.ts";
import { resolveCustomOptions } from "../../imagers/custom/options.ts";
import { resolveExt4Options } from "../../imagers/ext4/options.ts";
import { resolveMountedOptions } from "../../imagers/loop/options.ts";
import { resolveSquashfsOptions } from "../../imagers/squashfs/options.ts";
import { resolveTarOptions } from "../../imagers/tar/options.ts";
import { assertNever } from "../../lib/errors.ts";
import { formatPlatform, type Platform } from "../../lib/platform.ts";
import { resolveCustomSource } from "../../sources/custom/options.ts";
import type { SourceOptions } from "../../sources/options.ts";
import type { Strategy } from "../schema.ts";
import type { Report, ResolveInput } from "./report.ts";

/** Where the artifacts go: as asked for on the command line, else as the config says, else beside the config. */
export function resolveOutputs(
  { values, file, outDir, outFile, isOneOfSeveral = false }: ResolveInput,
  { name, platform }: { name: string; platform: Platform },
  report: Report,
): { outDir: string; outFile?: string; stem?: string } {
  if (outFile !== undefined) return { outDir: dirname(outFile), outFile };
  const folder = outDir ?? values.outDir ?? report.note("outDir", dirname(file), "the folder of the config");
  if (!isOneOfSeveral) return { outDir: folder };
  const target = formatPlatform(platform).replaceAll("/", "-");
  return { outDir: join(folder, target), stem: `${name}-${target}` };
}

export function resolveArchive({ values: { archive } }: ResolveInput, report: Report): ResolvedCpioOptions {
  const compression = archive?.compression ?? report.note("archive.compression", "gzip", "default");
  return report.attempt(() => resolveCpioOptions(compression, archive?.level)) ?? { compression };
}

export function resolveFilesystem(
  { values: { filesystem } }: ResolveInput,
  { name }: { name: string },
  report: Report,
): ResolvedFilesystem {
  const options: FilesystemOptions = filesystem ?? { type: report.note("filesystem.type", "ext4" as const, "default") };
  // With a problem there is no plugin.
  return report.attempt(() => resolveFormat(options, name)) ?? { type: "dir" };
}

type FilesystemOptions = NonNullable<ResolveInput["values"]["filesystem"]> | { readonly type: "ext4" };

function resolveFormat(options: FilesystemOptions, name: string): ResolvedFilesystem {
  switch (options.type) {
    case "ext4":
    case undefined:
      return resolveExt4Options(options, name);
    case "squashfs":
      return resolveSquashfsOptions(options);
    case "xfs":
    case "btrfs":
      return resolveMountedOptions(options, name);
    case "tar":
      return resolveTarOptions(options);
    case "dir":
      return options;
    case "custom":
      return resolveCustomOptions(options);
    default:
      return assertNever(options);
  }
}

/** What the root starts from. A disk image must have it; an archive may. */
export function resolveSource(
  { values: { source } }: ResolveInput,
  { strategy }: { strategy: Strategy },
  report: Report,
): SourceOptions | undefined {
  if (source !== undefined && "custom" in source) return resolveCustomSource(source);
  if (source !== undefined || strategy === "initramfs") return source;
  return report.problem(
    "source: is missing; an oci_rootfs is made from something",
    'write source: { image: "nginx:alpine" }, or dockerfile, layout, archive, tar or dir',
  );
}
