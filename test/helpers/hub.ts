import { nginxLayout, servicesLayout, TAG } from "./real-images.ts";
import { type Registry, startRegistry } from "./registry.ts";

const EXAMPLES = ["nginx:alpine", "postgres:15-alpine", "python:3.11-alpine"];

/** A registry that stands in for Docker Hub, with images of Debian's packages under the names that users write. */
export type Hub = {
  readonly registry: Registry;
  /** What sends a build there. */
  readonly env: Readonly<Record<string, string>>;
};

/** By default it has what the examples use. */
export async function startHub(names: readonly string[] = EXAMPLES): Promise<Hub> {
  const images: (readonly [name: string, layout: string])[] = [];
  for (const name of names) {
    images.push([name, await (name.startsWith("nginx:") ? nginxLayout() : servicesLayout())]);
  }
  const registry = await startRegistry();
  for (const [name, layout] of images) registry.push(`oci:${layout}:${TAG}`, `library/${name}`);
  return { registry, env: { FLEDGE_REGISTRY_MIRRORS: `docker.io=${registry.host}` } };
}
