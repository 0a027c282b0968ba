import { describe, expect, it } from "vitest";
import { buildah, podman } from "../../../../src/sources/engines/buildah.ts";
import { buildkit } from "../../../../src/sources/engines/buildkit.ts";
import { docker } from "../../../../src/sources/engines/docker.ts";
import type { BuildRequest } from "../../../../src/sources/engines/engine.ts";
import { chooseEngine, engineRequirement } from "../../../../src/sources/engines/engines.ts";
import { fakeTools } from "../../../helpers/fake-tools.ts";

const least: BuildRequest = {
  dockerfile: "/src/Dockerfile",
  context: "/src",
  buildArgs: {},
  secrets: [],
  platform: "linux/amd64",
  isCacheable: true,
  folder: "/cache/staging/boot-1-2-abc",
};

const most: BuildRequest = {
  ...least,
  dockerfile: "/src/docker/app.Dockerfile",
  target: "app",
  buildArgs: { VERSION: "1.2 3", EMPTY: "" },
  secrets: [
    { id: "npm", file: "secret-0" },
    { id: "token", env: "TOKEN" },
  ],
  platform: "linux/arm64",
  epochSec: 1700000000,
};

describe("what each engine is told to build", () => {
  it("buildkit", () => {
    expect(buildkit().build(least, {})).toEqual([
      "build",
      "--frontend=dockerfile.v0",
      "--local=context=/src",
      "--local=dockerfile=/src",
      "--opt=filename=Dockerfile",
      "--opt=platform=linux/amd64",
      "--output=type=oci,dest=image.tar",
      "--progress=plain",
    ]);
    expect(buildkit("tcp://builder:1234").build(most, { FLEDGE_BUILDKIT_ADDR: "tcp://other" })).toEqual([
      "--addr=tcp://builder:1234",
      "build",
      "--frontend=dockerfile.v0",
      "--local=context=/src",
      "--local=dockerfile=/src/docker",
      "--opt=filename=app.Dockerfile",
      "--opt=platform=linux/arm64",
      "--opt=target=app",
      "--opt=build-arg:SOURCE_DATE_EPOCH=1700000000",
      "--opt=build-arg:VERSION=1.2 3",
      "--opt=build-arg:EMPTY=",
      "--secret=id=npm,src=secret-0",
      "--secret=id=token,env=TOKEN",
      "--output=type=oci,dest=image.tar,rewrite-timestamp=true",
      "--progress=plain",
    ]);
    expect(buildkit().build(least, { FLEDGE_BUILDKIT_ADDR: "unix:///run/b.sock" })[0]).toBe(
      "--addr=unix:///run/b.sock",
    );
  });

  it("docker", () => {
    const tag = "fledge.invalid/build:boot-1-2-abc";
    expect(docker.build(least, {})).toEqual([
      "build",
      `--tag=${tag}`,
      "--force-rm",
      "--file=/src/Dockerfile",
      "--platform=linux/amd64",
      "/src",
    ]);
    expect(docker.build(most, { BUILDX_BUILDER: "remote" })).toEqual([
      "build",
      "--load",
      `--tag=${tag}`,
      "--force-rm",
      "--file=/src/docker/app.Dockerfile",
      "--platform=linux/arm64",
      "--target=app",
      "--secret=id=npm,src=secret-0",
      "--secret=id=token,env=TOKEN",
      "--build-arg=VERSION=1.2 3",
      "--build-arg=EMPTY=",
      "/src",
    ]);
    expect(docker.variables?.(least)).toEqual({ BUILDX_NO_DEFAULT_ATTESTATIONS: "1" });
    expect(docker.variables?.(most)).toEqual({ BUILDX_NO_DEFAULT_ATTESTATIONS: "1", DOCKER_BUILDKIT: "1" });
    expect(docker.tag?.(least)).toBe(tag);
    expect(docker.save(tag, "/x.tar")).toEqual(["save", "--output=/x.tar", tag]);
    expect(docker.untag?.(tag)).toEqual(["image", "rm", "--no-prune", tag]);
  });

  it.each([buildah, podman])("$name", (engine) => {
    expect(engine.build(least, {})).toEqual([
      "build",
      "--layers=true",
      "--force-rm=true",
      "--iidfile=image-id",
      "--file=/src/Dockerfile",
      "--platform=linux/amd64",
      "--secret=id=fledge-build,src=.",
      "/src",
    ]);
    expect(engine.build(most, {})).toEqual([
      "build",
      "--layers=true",
      "--force-rm=true",
      "--iidfile=image-id",
      "--file=/src/docker/app.Dockerfile",
      "--platform=linux/arm64",
      "--target=app",
      "--timestamp=1700000000",
      "--secret=id=fledge-build,src=.",
      "--secret=id=npm,src=secret-0",
      "--secret=id=token,env=TOKEN",
      "--build-arg=VERSION=1.2 3",
      "--build-arg=EMPTY=",
      "/src",
    ]);
  });

  it.each([
    ["/src/a, b/Dockerfile", '"/src/a, b/Dockerfile"'],
    ['/src/"q"/Dockerfile', '"/src/""q""/Dockerfile"'],
    ["/src/a=b c/Dockerfile", "/src/a=b c/Dockerfile"],
  ])("buildah and podman: %s, in a list", (dockerfile, written) => {
    for (const engine of [buildah, podman]) {
      expect(engine.build({ ...least, dockerfile }, {})).toContain(`--file=${written}`);
    }
    expect(docker.build({ ...least, dockerfile }, {})).toContain(`--file=${dockerfile}`);
  });

  it("buildah and podman take no layer from a cache that does not know what it holds, and keep none", () => {
    const uncached = { ...least, isCacheable: false };
    const tag = "fledge.invalid/build:boot-1-2-abc";
    for (const engine of [buildah, podman]) {
      expect(engine.build(uncached, {}).slice(0, 4)).toEqual([
        "build",
        "--layers=false",
        `--tag=${tag}`,
        "--force-rm=true",
      ]);
      expect(engine.tag?.(uncached)).toBe(tag);
      expect(engine.tag?.(least)).toBeUndefined();
    }
    expect(buildah.untag?.(tag)).toEqual(["rmi", tag]);
    expect(podman.untag?.(tag)).toEqual(["rmi", "--no-prune", tag]);
  });

  it("buildah and podman save alike, and do not compress", () => {
    expect(buildah.save("sha256:1", "/x.tar")).toEqual([
      "push",
      "--disable-compression",
      "sha256:1",
      "oci-archive:/x.tar",
    ]);
    expect(podman.save("sha256:1", "/x.tar")).toEqual([
      "save",
      "--format=oci-archive",
      "--uncompressed",
      "--output=/x.tar",
      "sha256:1",
    ]);
    expect(buildah.leftovers?.remove("1")).toEqual(["rm", "1"]);
    expect(podman.leftovers?.remove("1")).toEqual(["rm", "--force", "1"]);
  });
});

describe("which engine builds", () => {
  const signal = new AbortController().signal;

  it("is the first that works", async () => {
    const works = "exit 0";
    const noDaemon = "echo 'Cannot connect to the daemon' >&2; exit 1";
    for (const [scripts, expected] of [
      [{ buildctl: works, docker: works, podman: works, buildah: works }, "buildkit"],
      [{ buildctl: noDaemon, docker: works, podman: works }, "docker"],
      [{ docker: noDaemon, podman: works, buildah: works }, "podman"],
      [{ docker: noDaemon, buildah: works }, "buildah"],
    ] as const) {
      const PATH = fakeTools(scripts);
      expect((await chooseEngine({}, { env: { PATH }, signal })).engine.name).toBe(expected);
    }
  });

  it("is the one that was asked for, or none", async () => {
    const PATH = fakeTools({ docker: "exit 0", buildah: "exit 0" });
    const machine = { env: { PATH }, signal };
    expect((await chooseEngine({ builder: "buildah" }, machine)).engine.name).toBe("buildah");
    await expect(chooseEngine({ builder: "podman" }, machine)).rejects.toMatchObject({
      code: "tool",
      message: "podman not found; needed to build the image of the Dockerfile",
      hint: "sudo apt-get install -y podman",
    });
  });

  it("says why none can be, and what to do", async () => {
    await expect(chooseEngine({}, { env: { PATH: "/nowhere" }, signal })).rejects.toMatchObject({
      message: "buildctl, docker, podman or buildah not found; needed to build the image of the Dockerfile",
      hint: "sudo apt-get install -y buildah, or install buildah, podman or docker, or start buildkitd and set FLEDGE_BUILDKIT_ADDR",
    });
    const PATH = fakeTools({ docker: "echo Client: 1; echo 'Is the docker daemon running?' >&2; exit 1" });
    await expect(chooseEngine({}, { env: { PATH }, signal })).rejects.toMatchObject({
      code: "tool",
      message: `${PATH}/docker cannot be used: Is the docker daemon running?; needed to build the image of the Dockerfile`,
      hint: expect.stringMatching(/^sudo systemctl start docker, or install buildah/),
    });
  });

  it("asks BuildKit at the address that is given", async () => {
    const PATH = fakeTools({ buildctl: '[ "$*" = "--addr=tcp://b:1 debug workers" ]' });
    const choice = { address: "tcp://b:1" };
    expect((await chooseEngine(choice, { env: { PATH }, signal })).engine.name).toBe("buildkit");
    const viaEnv = { PATH, FLEDGE_BUILDKIT_ADDR: "tcp://b:1" };
    expect((await chooseEngine({}, { env: viaEnv, signal })).engine.name).toBe("buildkit");
    expect(() => engineRequirement({ builder: "docker", ...choice })).toThrow(
      expect.objectContaining({ code: "config", message: expect.stringContaining('source.builder is "docker"') }),
    );
  });
});
