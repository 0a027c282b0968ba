import { expect, test } from "vitest";
import { ownLabels } from "../../../src/farm/own-labels.ts";
import { formatPlatform, hostPlatform } from "../../../src/lib/platform.ts";
import { fakeTools } from "../../helpers/fake-tools.ts";

const { signal } = new AbortController();

async function builderLabels(scripts: Record<string, string>): Promise<string[]> {
  const labels = await ownLabels({ env: { PATH: fakeTools(scripts) }, signal });
  expect(labels[0]).toBe(formatPlatform(hostPlatform()));
  return labels.filter((label) => label.startsWith("builder"));
}

test("a builder is one that answers, within a time", async () => {
  expect(await builderLabels({})).toEqual([]);
  const refuses = "echo 'Cannot connect to the Docker daemon' >&2; exit 1";
  expect(await builderLabels({ docker: refuses })).toEqual([]);
  const started = performance.now();
  const some = { docker: refuses, podman: "exec /bin/sleep 60", buildctl: "exec /bin/sleep 60", buildah: "exit 0" };
  expect(await builderLabels(some)).toEqual(["builder", "builder:buildah"]);
  expect(performance.now() - started).toBeLessThan(15_000);
});
