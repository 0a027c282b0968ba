import { z } from "zod";
import { definePreset } from "../../config/preset.ts";
import type { CustomSource } from "../../contract/source.ts";
import { runProgram } from "../../lib/process/program.ts";
import type { Tool } from "../../lib/process/tools.ts";
import { layerFromTar } from "../../sources/custom/layer.ts";

const MMDEBSTRAP: Tool = {
  name: "mmdebstrap",
  reason: "make a root out of Debian's packages",
  package: "mmdebstrap",
  instead: 'extend another preset, or write source: { image: "debian:12" }',
};

/** Debian's words for the architectures that it calls otherwise. */
const ARCHITECTURES: Readonly<Record<string, string>> = { "386": "i386", arm: "armhf", ppc64le: "ppc64el" };

const options = z.strictObject({
  packages: z
    .array(z.string().regex(/^[a-z0-9][a-z0-9+.:-]*$/, "is not a package's name"))
    .default([])
    .describe("packages to install"),
  suite: z
    .string()
    .regex(/^[a-z][\w-]*$/, "is not a release of Debian")
    .default("bookworm")
    .describe("release of Debian"),
  variant: z.enum(["apt", "minbase", "essential"]).default("minbase").describe("what there is beside the packages"),
  mirror: z.url().optional().describe("where the packages come from; default Debian's mirrors"),
});

/** A root straight from Debian's packages, made by mmdebstrap, without a registry. */
export default definePreset({
  name: "debian",
  description: "a root straight from Debian's packages, by mmdebstrap: no image and no registry",
  url: import.meta.url,
  options,
  setup: (chosen, { platform }) => ({ strategy: "oci_rootfs", source: { custom: debian(chosen, platform) } }),
});

function debian(chosen: z.output<typeof options>, platform: string): CustomSource {
  const { suite, packages } = chosen;
  return {
    name: `debian ${suite}`,
    requirements: () => [{ kind: "tool", anyOf: [MMDEBSTRAP] }],
    pin: async () => ({ reference: `Debian ${suite}${packages.length > 0 ? ` with ${packages.join(", ")}` : ""}` }),
    async *layers(_, ctx) {
      // mmdebstrap clamps all times to this, and then makes the same tar of the same packages.
      const env = { ...ctx.env, SOURCE_DATE_EPOCH: String(ctx.epoch.stampSec) };
      const tar = runProgram(MMDEBSTRAP, mmdebstrapArgs(chosen, platform), { signal: ctx.signal, env });
      yield await layerFromTar(tar, ctx, { label: `Debian ${suite}` });
    },
  };
}

/** The command that writes the root to stdout as a tar. */
export function mmdebstrapArgs(
  { suite, packages, variant, mirror }: z.output<typeof options>,
  platform: string,
): string[] {
  const architecture = platform.split("/")[1] ?? "amd64";
  return [
    "--quiet",
    `--variant=${variant}`,
    `--architectures=${ARCHITECTURES[architecture] ?? architecture}`,
    ...(packages.length > 0 ? [`--include=${packages.join(",")}`] : []),
    ...[suite, "-"],
    ...(mirror === undefined ? [] : [mirror]),
  ];
}
