import { nginxLayout, servicesLayout, TAG } from "./real-images.ts";
import { type Registry, startRegistry } from "./registry.ts";

/** A registry that stands in for Docker Hub, with images of Debian's packages under the names that examples use. */
export type Hub = {
  readonly registry: Registry;
  /** What sends a build there. */
  readonly env: Readonly<Record<string, string>>;
};

export async function startHub(): Promise<Hub> {
  const [nginx, services] = [await nginxLayout(), await servicesLayout()];
  const registry = await startRegistry();
  const images: readonly (readonly [name: string, layout: string])[] = [
    ["nginx:alpine", nginx],
    ["postgres:15-alpine", services],
    ["python:3.11-alpine", services],
  ];
  for (const [name, layout] of images) registry.push(`oci:${layout}:${TAG}`, `library/${name}`);
  return { registry, env: { FLEDGE_REGISTRY_MIRRORS: `docker.io=${registry.host}` } };
}
