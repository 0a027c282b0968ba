import { buildArguments, tagOfUncached } from "./buildah.ts";
import { REASON, type StoringEngine } from "./engine.ts";

/** Podman; as buildah keeps images, so does it. */
export const podman: StoringEngine = {
  name: "podman",
  tool: {
    name: "podman",
    reason: REASON,
    package: "podman",
    ready: { argv: () => ["info"], fix: "podman info" },
  },
  build: buildArguments,
  tag: tagOfUncached,
  untag: (tag) => ["rmi", "--no-prune", tag],
  // Compressing the layers would only be undone.
  save: (image, archive) => ["save", "--format=oci-archive", "--uncompressed", `--output=${archive}`, image],
  leftovers: {
    store: ["info", "--format={{.Store.GraphRoot}}\n{{.Store.GraphDriverName}}"],
    remove: (id) => ["rm", "--force", id],
  },
};
