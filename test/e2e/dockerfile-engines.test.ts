import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { type CliOptions, type CliResult, fledge } from "../helpers/cli.ts";
import { fakeTools } from "../helpers/fake-tools.ts";
import { makeImage, writeImages } from "../helpers/images.ts";
import { project } from "../helpers/project.ts";
import { tar } from "../helpers/tar-writer.ts";
import { tempDir } from "../helpers/temp.ts";

const image = makeImage({
  layers: [tar({ name: "bin/", type: "5" }, { name: "bin/tool", data: readFileSync("/bin/busybox"), mode: 0o755 })],
  config: { Entrypoint: ["/bin/tool"], ExposedPorts: { "80/tcp": {} } },
});

/** A program that notes its arguments and two of its variables, and puts an archive where it is told to. */
function recording(name: string, archive: string, record: string): string {
  return fakeTools({
    [name]: `
      if [ "$1" = info ] || [ "$2" = workers ] || [ "$3" = workers ]; then exit 0; fi
      echo "$name$*" >>${record}
      echo "DOCKER_BUILDKIT=$DOCKER_BUILDKIT NPM_TOKEN=$NPM_TOKEN" >>${record}.env
      echo "#1 building"; echo "#2 with $NPM_TOKEN" >&2
      for word in "$@"; do
        case "$word" in
          --output=type=oci,dest=*) cp ${archive} "\${word#--output=type=oci,dest=}" ;;
          --output=*) cp ${archive} "\${word#--output=}" ;;
          --build-arg=FAIL=1) exit 1 ;;
          --iidfile=*) echo sha256:1234 >"\${word#--iidfile=}" ;;
        esac
      done`,
  });
}

type Recorded = CliResult & { readonly calls: string[]; readonly env: string; readonly cwd: string };

async function record(name: string, args: readonly string[], options: CliOptions = {}): Promise<Recorded> {
  const folder = tempDir();
  writeImages(join(folder, "layout"), [{ image }]);
  const archive = join(folder, "image.tar");
  execFileSync("tar", ["-C", join(folder, "layout"), "-cf", archive, "."]);
  const calls = join(folder, "calls");
  const cwd = project({ Dockerfile: "FROM scratch AS app\n", ".npmrc": "s3cret\n" });
  const PATH = `${recording(name, archive, calls)}:/usr/bin:/bin`;
  const FLEDGE_CACHE_DIR = join(folder, "cache");
  const env = { NPM_TOKEN: "the-token", ...options.env, PATH, FLEDGE_CACHE_DIR };
  const result = await fledge(["build", ...args, "-v", "--platform", "amd64"], { cwd, ...options, env });
  const staging = join(FLEDGE_CACHE_DIR, "staging");
  if (existsSync(staging)) expect(readdirSync(staging)).toEqual([]);
  // The names of temporary folders differ.
  const lines = readFileSync(calls, "utf8").trim().split("\n");
  const same = lines.map((line) =>
    line.replaceAll(/[0-9a-f]+-\d+-\d+-[0-9a-f]{12}/g, "ID").replaceAll(staging, "STAGING"),
  );
  return {
    ...result,
    calls: same.map((line) => line.replaceAll(cwd, "CWD")),
    env: readFileSync(`${calls}.env`, "utf8"),
    cwd,
  };
}

const FLAGS = [
  "./Dockerfile",
  "--target=app",
  "--build-arg",
  "A=1",
  "--build-arg",
  "NPM_TOKEN",
  "--secret",
  "id=npm,src=.npmrc",
];

describe("what the command line makes of each engine", () => {
  it("docker: builds under a name of its own, saves, and takes the name away", async () => {
    const { code, stderr, calls, env, cwd } = await record("docker", [
      ...FLAGS,
      "--builder",
      "docker",
      "-o",
      "web.img",
    ]);
    expect(code, stderr).toBe(0);
    const args = "--secret=id=npm,src=secret-0 --build-arg=A=1 --build-arg=NPM_TOKEN=the-token CWD";
    expect(calls).toEqual([
      `build --tag=fledge.invalid/build:ID --force-rm --file=CWD/Dockerfile --platform=linux/amd64 --target=app ${args}`,
      "save --output=image.tar fledge.invalid/build:ID",
      "image rm --no-prune fledge.invalid/build:ID",
    ]);
    expect(env).toMatch(/^DOCKER_BUILDKIT=1 /);
    expect(stderr).toContain("  #1 building\n");
    expect(JSON.parse(readFileSync(join(cwd, "web.manifest.json"), "utf8"))).toMatchObject({
      image: "Dockerfile",
      image_digest: image.descriptor.digest,
    });
  });

  it("buildkit: at the address, straight into the archive", async () => {
    const env = { FLEDGE_BUILDKIT_ADDR: "tcp://builder:1234" };
    const secret = ["--secret", "id=token,env=NPM_TOKEN"];
    const { code, stderr, calls } = await record("buildctl", ["./Dockerfile", ...secret, "--builder=buildkit"], {
      env,
    });
    expect(code, stderr).toBe(0);
    const frontend = "--frontend=dockerfile.v0 --local=context=CWD --local=dockerfile=CWD --opt=filename=Dockerfile";
    const rest = "--output=type=oci,dest=image.tar --progress=plain";
    expect(calls).toEqual([
      `--addr=tcp://builder:1234 build ${frontend} --opt=platform=linux/amd64 --secret=id=token,env=NPM_TOKEN ${rest}`,
    ]);
    expect(stderr).toContain("  #2 with ***\n");
    expect(stderr).not.toContain("the-token");
  });

  it("podman: by the ID that the build gives", async () => {
    const { code, stderr, calls } = await record("podman", ["--dockerfile", "./Dockerfile", "--builder", "podman"]);
    expect(code, stderr).toBe(0);
    expect(calls[0]).toContain("--iidfile=image-id --file=CWD/Dockerfile --platform=linux/amd64");
    expect(calls[1]).toBe("save --format=oci-archive --uncompressed --output=image.tar sha256:1234");
    expect(calls.length).toBe(2);
  });

  it("docker: a failure shows the end of what it said, and takes the name away", async () => {
    const { code, stderr, calls } = await record("docker", ["./Dockerfile", "--target=APP", "--build-arg=FAIL=1"]);
    expect(code).toBe(1);
    expect(stderr).toContain("error docker could not build Dockerfile:\n#1 building\n");
    expect(calls.at(-1)).toBe("image rm --no-prune fledge.invalid/build:ID");
    expect(calls.length).toBe(2);
  });

  it("docker-daemon: is saved from there", async () => {
    const cwd = project({
      "fledge.config.mjs": 'export default { strategy: "oci_rootfs", source: { image: "docker-daemon:team/web" } }',
    });
    const { code, stderr, calls } = await record("docker", [], { cwd });
    expect(code, stderr).toBe(0);
    expect(calls).toEqual(["save --output=STAGING/ID/image.tar team/web:latest"]);
    expect(readdirSync(cwd)).toContain("web-rootfs.img");
  });
});

describe("flags of a Dockerfile", () => {
  const plan = async (...args: string[]): Promise<CliResult & { outputs: unknown[] }> => {
    const cwd = project({ Dockerfile: "FROM scratch\n", "sub/x.txt": "", "fledge.toml": 'strategy = "initramfs"\n' });
    const result = await fledge(["plan", "--json", ...args], { cwd });
    const plans = result.code === 0 ? JSON.parse(result.stdout) : [];
    const short = (path: string): string => path.replace(`${cwd}/`, "").replace(/fledge-test-\w+/i, "NAME");
    return {
      ...result,
      outputs: plans.map(({ strategy, name, outputs }: Planned) => [
        strategy,
        short(name),
        short(outputs.artifact),
        short(outputs.manifest),
      ]),
    };
  };
  type Planned = { strategy: string; name: string; outputs: { artifact: string; manifest: string } };

  it.each([
    [[], [["oci_rootfs", "NAME", "NAME-rootfs.img", "NAME.manifest.json"]]],
    [["-o", "sub"], [["oci_rootfs", "NAME", "sub/NAME-rootfs.img", "sub/NAME.manifest.json"]]],
    [["--output-initramfs"], [["initramfs", "NAME", "NAME.cpio.gz", "NAME.manifest.json"]]],
    [["--output-initramfs", "-o", "a.cpio.gz"], [["initramfs", "NAME", "a.cpio.gz", "a.manifest.json"]]],
    [["--output-initramfs", "a.cpio.gz"], [["initramfs", "NAME", "a.cpio.gz", "a.manifest.json"]]],
    [
      ["-o", "a.img", "--output-initramfs=a.cpio.gz"],
      [
        ["oci_rootfs", "NAME", "a.img", "a.manifest.json"],
        ["initramfs", "NAME-initramfs", "a.cpio.gz", "NAME-initramfs.manifest.json"],
      ],
    ],
  ])("%j", async (args, outputs) => {
    const result = await plan("./Dockerfile", ...args);
    expect(result.stderr).toBe("");
    expect(result.outputs).toEqual(outputs);
  });

  it.each([
    [["--context", "."], "--context is for a Dockerfile, and none was named", "fledge build ./Dockerfile --context"],
    [["--output-initramfs"], "--output-initramfs is for a Dockerfile", undefined],
    [["./Dockerfile", "--builder", "buildha"], "there is no such builder", "did you mean"],
    [["./Dockerfile", "--build-arg", "=x"], "--build-arg needs NAME=VALUE", "VERSION=1.2.3"],
    [["./Dockerfile", "--build-arg", "UNSET"], "UNSET is not set", "--build-arg UNSET=VALUE"],
    [["./Dockerfile", "--secret", "npm"], "--secret needs id=ID", "id=npm,src=.npmrc"],
    [["./Dockerfile", "--secret", "id=a,mode=1"], "--secret needs id=ID", undefined],
    [["./Dockerfile", "--target", "a", "--target", "b"], "--target was given 2 times", "give it once"],
    [["./Dockerfile", "-c", "fledge.toml"], "--config and ./Dockerfile both name a recipe", undefined],
  ])("%j is refused", async (args, message, hint) => {
    const { code, stderr } = await plan(...args);
    expect(code).toBe(2);
    expect(stderr).toContain(message);
    if (hint !== undefined) expect(stderr).toContain(hint);
  });

  it("-m and -o are relative to where the command runs, and the folder gives the name", async () => {
    const cwd = project({ "web/Dockerfile": "FROM scratch\n", "m.toml": 'version = "3.2.1"\n' });
    const { stdout } = await fledge(["plan", "--json", "web/Dockerfile", "-m", "m.toml", "-o", "out/"], { cwd });
    const manifest = join(cwd, "out/web.manifest.json");
    expect(JSON.parse(stdout)).toMatchObject([{ name: "web", version: "3.2.1", outputs: { manifest } }]);
  });

  it("a folder with a Dockerfile and no config says how to build it", async () => {
    const { code, stderr } = await fledge(["build"], { cwd: project({ Dockerfile: "FROM scratch\n" }) });
    expect(code).toBe(2);
    expect(stderr).toContain("fledge build ./Dockerfile");
  });

  it("a machine without an engine says what to install, before anything else", async () => {
    const cwd = project({ Dockerfile: "FROM scratch\n" });
    const none = await fledge(["build", "./Dockerfile"], { cwd, env: { PATH: "/nowhere" } });
    expect(none.code).toBe(3);
    expect(none.stderr).toContain("buildctl, docker, podman or buildah not found; needed to build the image");
    expect(none.stderr).toContain("sudo apt-get install -y buildah");
    const PATH = fakeTools({ docker: "echo 'no daemon here' >&2; exit 1" });
    const doctor = await fledge(["doctor", "./Dockerfile"], { cwd, env: { PATH } });
    expect(doctor.code).toBe(3);
    expect(doctor.stdout).toContain(`${PATH}/docker cannot be used: no daemon here`);
    expect(doctor.stdout).toContain("sudo systemctl start docker");
  });
});
