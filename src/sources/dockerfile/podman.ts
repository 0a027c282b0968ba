import { buildArguments } from "./buildah.ts";
import { REASON, type StoringEngine } from "./engine.ts";

/** Podman; the image stays without a name in its store, where it is the last layer of the cache. */
export const podman: StoringEngine = {
  name: "podman",
  tool: {
    name: "podman",
    reason: REASON,
    package: "podman",
    ready: { argv: () => ["info"], fix: "podman info" },
  },
  build: buildArguments,
  // Compressing the layers would only be undone.
  save: (image, archive) => ["save", "--format=oci-archive", "--uncompressed", `--output=${archive}`, image],
  leftovers: {
    store: ["info", "--format={{.Store.GraphRoot}}\n{{.Store.GraphDriverName}}"],
    remove: (id) => ["rm", "--force", id],
  },
};
