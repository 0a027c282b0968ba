import { join } from "node:path";
import type { ImageSource } from "../../contract/source.ts";
import { FledgeError } from "../../lib/errors.ts";
import { follow } from "../../lib/process/exec.ts";
import { chooseTool, type ToolRequirement } from "../../lib/process/requirements.ts";
import type { Tool } from "../../lib/process/tools.ts";
import type { StoreReference } from "../../registry/reference.ts";
import { openStaging } from "../../store/staging.ts";
import { type ArchiveOptions, archiveSource } from "../local-image/archive.ts";
import { buildah, podman } from "./buildah.ts";
import { docker } from "./docker.ts";
import { madeArchive } from "./made.ts";

/** A program that can read a store. */
type Reader = { readonly tool: Tool; save(image: string, archive: string): readonly string[] };

/** The first that works is taken: those whose store it is know best where it lies. */
const READERS: Readonly<Record<StoreReference["store"], readonly Reader[]>> = {
  "docker-daemon": [docker, skopeo("docker-daemon", "docker-archive")],
  "containers-storage": [podman, buildah, skopeo("containers-storage", "oci-archive")],
};

export const STORES = ["docker-daemon", "containers-storage"] as const satisfies StoreReference["store"][];

export function storeRequirement(store: StoreReference["store"]): ToolRequirement {
  const reason = "save the image to an archive";
  const [first, ...others] = READERS[store].map(({ tool }) => ({ ...tool, reason }));
  return { kind: "tool", anyOf: [first as Tool, ...others] };
}

/** An image in the store of a container engine of this machine. */
export function storeSource(
  reference: string,
  { store, name }: StoreReference,
  options: Omit<ArchiveOptions, "tag" | "format">,
): ImageSource {
  const requirement = storeRequirement(store);
  const isId = /^(?:sha256:)?[0-9a-f]{12,64}$/.test(name);
  const hint = `name it by its ID, or take it from a registry: the store may have another image by that name tomorrow`;
  const lockables = async () => ({ inputs: [], unpinned: isId ? [] : [{ what: reference, hint }] });
  const source = madeArchive(requirement, async (ctx) => {
    const { tool, path } = await chooseTool(requirement, ctx);
    const reader = READERS[store].find((candidate) => candidate.tool.name === tool.name) as Reader;
    const { path: folder } = await openStaging(ctx.cacheDir, ctx.disposer);
    const archive = join(folder, "image.tar");
    const { signal, env, log: onLine } = ctx;
    const { failed, tail } = await follow(path, reader.save(name, archive), { signal, env, onLine });
    if (failed) throw new FledgeError("source", `${tool.name} could not save ${reference}:\n${tail}`, { output: tail });
    return archiveSource({ reference, path: archive }, { ...options, tag: undefined });
  });
  return { ...source, lockables };
}

/** skopeo-copy(1) */
function skopeo(from: StoreReference["store"], to: "docker-archive" | "oci-archive"): Reader {
  return {
    tool: { name: "skopeo", reason: "", package: "skopeo" },
    save: (image, archive) => ["copy", `${from}:${image}`, `${to}:${archive}`],
  };
}
