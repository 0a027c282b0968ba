import { describe, expect, it } from "vitest";
import type { ResolvedPlugin } from "../../../src/contract/plugin.ts";
import { BUILTIN_STAGES, PHASES } from "../../../src/contract/stage.ts";
import { resolveSquashfsOptions } from "../../../src/imagers/squashfs/options.ts";
import { describeRequirement } from "../../../src/lib/process/requirements.ts";
import { plan } from "../../../src/pipeline/plan.ts";
import { smallPlugin } from "../../helpers/plugin.ts";

const hooks = [
  { origin: "x", hooks: { "rootfs:ready": () => {}, "config:resolved": () => {}, "build:done": () => {} } },
];

describe("plan", () => {
  it("is the whole build, in order", () => {
    const plugin = smallPlugin({
      hooks,
      init: { mode: "default", run: "/bin/kestrel" },
      busybox: { url: "https://me:s3cret@host/box?sig=s3cret", sha256: "ab" },
      agent: { release: "v1", repository: "a/b" },
    });
    const { stages, inputs, requirements } = plan(
      { ...plugin, manifest: { workload: { entrypoint: ["/init"] } } } as never,
      {
        verify: true,
      },
    );
    expect(stages.map(({ name }) => name)).toEqual([
      "config:resolved",
      "skeleton",
      "busybox",
      "agent",
      "init",
      "mappings",
      "rootfs:ready",
      "seal",
      "check",
      "write",
      "verify",
      "manifest",
      "publish",
    ]);
    expect(stages.every(({ title }) => /^[A-Z]/.test(title))).toBe(true);
    expect(inputs).toEqual([
      { what: "BusyBox", from: "https://host/box", pinned: "ab" },
      { what: "agent", from: "release v1 of a/b" },
      { what: "mapping to /init", from: plugin.mappings[0]?.from },
    ]);
    expect(requirements).toEqual([]);
  });

  it("asks for what reads an artifact back only where it will be read back", () => {
    const { archive: _, init: __, ...common } = smallPlugin({});
    const filesystem = resolveSquashfsOptions({ type: "squashfs" });
    const plugin = {
      ...common,
      strategy: "oci_rootfs",
      filesystem,
      manifest: { workload: { entrypoint: ["/init"] } },
    } as unknown as ResolvedPlugin;
    const tools = (verify: boolean) =>
      plan(plugin, { verify }).requirements.map((needed) => describeRequirement(needed).what);
    expect(tools(false)).toEqual(["tar2sqfs or mksquashfs"]);
    expect(tools(true)).toEqual(["tar2sqfs or mksquashfs", "sqfs2tar"]);
  });

  it("has the stages that a config can name, in that order and each in its phase", () => {
    const plugin = smallPlugin({
      init: { mode: "default", run: "/bin/kestrel" },
      busybox: { path: "/bin/busybox" },
      agent: { path: "/bin/busybox" },
      source: { image: "nginx:alpine" },
    });
    const stages = plan(plugin, { verify: true }).stages.filter(({ kind }) => kind === "stage");
    const named = PHASES.map((phase) => [phase, stages.filter((step) => step.phase === phase).map(({ name }) => name)]);
    expect(Object.fromEntries(named)).toEqual(BUILTIN_STAGES);
  });

  it("is pure", () => {
    const plugin = smallPlugin({ hooks });
    const shape = () => JSON.stringify(plan(plugin));
    expect(shape()).toBe(shape());
  });

  it("passes the config's warnings on and adds what the guest's kernel cannot do", () => {
    const { warnings } = plan(smallPlugin({ warnings: [{ message: "old" }], archive: { compression: "zstd" } }));
    expect(warnings[0]).toEqual({ message: "old" });
  });

  it("asks for an entrypoint where nothing says one", () => {
    const plugin = smallPlugin({ init: { mode: "default", run: "/bin/kestrel" } });
    expect(() => plan(plugin)).toThrow(
      expect.objectContaining({
        code: "config",
        message: "manifest.workload.entrypoint is missing: nothing says what the guest is to run",
        hint: expect.stringContaining("manifest: { workload: { entrypoint:"),
      }),
    );
  });
});
