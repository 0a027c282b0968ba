import type { ResolvedPlugin } from "../../contract/plugin.ts";
import type { Digest } from "../../lib/digest.ts";
import type { Manifest } from "../../volant/schema.ts";

/** A layer of an image as its config has it: the digest of the plain tar, and what it is. */
export type ConfiguredLayer = { readonly diffId: Digest; readonly createdBy: string };

/** The config of an image (image-spec, config.md) that starts what the plugin starts; to the byte. */
export function imageConfigOf(
  { name, version, platform }: Pick<ResolvedPlugin, "name" | "version" | "platform">,
  workload: Manifest["workload"] | undefined,
  layers: readonly ConfiguredLayer[],
): Buffer {
  const { os, architecture, variant } = platform;
  const document = {
    architecture,
    os,
    ...(variant !== undefined && { variant }),
    config: {
      ...(workload !== undefined && startedAs(workload)),
      Labels: { "org.opencontainers.image.title": name, "org.opencontainers.image.version": version },
    },
    rootfs: { type: "layers", diff_ids: layers.map(({ diffId }) => diffId) },
    history: layers.map(({ createdBy }) => ({ created_by: createdBy, comment: "fledge push --as-image" })),
  };
  return Buffer.from(JSON.stringify(document));
}

function startedAs({ entrypoint, env, workdir, base_url }: Manifest["workload"]) {
  const port = URL.canParse(base_url) ? new URL(base_url).port || "80" : undefined;
  return {
    ...(port !== undefined && { ExposedPorts: { [`${port}/tcp`]: {} } }),
    ...(env !== undefined && { Env: Object.entries(env).map(([key, value]) => `${key}=${value}`) }),
    Entrypoint: entrypoint,
    ...(workdir !== undefined && { WorkingDir: workdir }),
  };
}
