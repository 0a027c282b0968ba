import { expect, test } from "vitest";
import { jobId, labelsFor, queueName, queuesFor } from "../../../src/farm/jobs.ts";
import { sha256 } from "../../../src/lib/digest.ts";
import type { BuildRequest } from "../../../src/serve/request.ts";

const REQUEST: BuildRequest = {
  plugin: "web",
  platform: "linux/amd64",
  mode: "production",
  verify: false,
  force: false,
  frozen: false,
  offline: false,
};

test("equal builds have one id, whatever the order of what is asked, and others another", () => {
  const bundle = sha256("project");
  const reversed = Object.fromEntries(Object.entries(REQUEST).reverse()) as BuildRequest;
  const id = jobId({ bundle, request: REQUEST });
  expect(id).toMatch(/^b[0-9a-f]{64}$/);
  expect(jobId({ bundle, request: reversed })).toBe(id);
  const others = [
    jobId({ bundle: sha256("another"), request: REQUEST }),
    jobId({ bundle, request: { ...REQUEST, plugin: "db" } }),
    jobId({ bundle, request: { ...REQUEST, verify: true } }),
  ];
  expect(new Set([id, ...others]).size).toBe(4);
});

type Plugin = Parameters<typeof labelsFor>[0];

function plugin(parts: object): Plugin {
  return { platform: { os: "linux", architecture: "arm64" }, strategy: "initramfs", ...parts } as Plugin;
}

const PLUGINS = [
  [plugin({}), []],
  [plugin({ strategy: "oci_rootfs", filesystem: { type: "ext4" } }), []],
  [plugin({ strategy: "oci_rootfs", filesystem: { type: "xfs" } }), ["root"]],
  [plugin({ strategy: "oci_rootfs", filesystem: { type: "ext4", engine: "loop" } }), ["root"]],
  [plugin({ source: { dockerfile: "Dockerfile" } }), ["builder", "linux/arm64"]],
  [
    plugin({ strategy: "oci_rootfs", filesystem: { type: "btrfs" }, source: { dockerfile: "D", builder: "podman" } }),
    ["builder:podman", "linux/arm64", "root"],
  ],
] as const;

test.each(PLUGINS)("a plugin asks for what it needs, and who has that looks there: %#", (recipe, labels) => {
  expect(labelsFor(recipe, [])).toEqual(labels);
  expect(labelsFor(recipe, ["gpu"])).toEqual([...labels, "gpu"].sort());
  const able = ["linux/arm64", "root", "builder", "builder:podman", "gpu"];
  expect(queuesFor(able)).toContain(queueName(labels));
  expect(queuesFor(able)).toContain(queueName([...labels, "gpu"].sort()));
  for (const label of labels) {
    expect(queuesFor(able.filter((one) => one !== label))).not.toContain(queueName(labels));
  }
});

test("a worker looks first where most is asked for, and at few places", () => {
  const queues = queuesFor(["linux/amd64", "root", "builder", "builder:docker", "builder:podman"]);
  expect(queues).toHaveLength(8);
  expect(queues.at(-1)).toBe(queueName([]));
});
