import { expect, it } from "vitest";
import { placesOf } from "../../../src/registry/mirrors.ts";
import type { RegistryReference } from "../../../src/registry/reference.ts";

const NGINX: RegistryReference = {
  kind: "registry",
  registry: "docker.io",
  repository: "library/nginx",
  tag: "alpine",
};
const hosts = (FLEDGE_REGISTRY_MIRRORS: string, mirrors: string[] = []) =>
  placesOf(NGINX, { "docker.io": { mirrors } }, { FLEDGE_REGISTRY_MIRRORS }).map(({ host }) => host);

it("asks the config's mirrors, then the machine's, then the registry", () => {
  expect(hosts("docker.io=a:5000, ghcr.io=b,docker.io=c", ["first"])).toEqual(["first", "a:5000", "c", "docker.io"]);
  expect(hosts("")).toEqual(["docker.io"]);
});

it("reads the scheme and the path of a mirror", () => {
  const [place] = placesOf(NGINX, {}, { FLEDGE_REGISTRY_MIRRORS: "docker.io=http://mirror:5000/hub/" });
  expect(place).toMatchObject({ host: "mirror:5000", scheme: "http", repository: "hub/library/nginx" });
});

it.each(["mirror:5000", "docker.io=", "docker.io=user:secret@mirror"])("refuses %s", (text) => {
  expect(() => hosts(text)).toThrowError(/FLEDGE_REGISTRY_MIRRORS: ".*" is not REGISTRY=HOST/);
});
