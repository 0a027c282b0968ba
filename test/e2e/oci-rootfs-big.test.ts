import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { build } from "../helpers/builds.ts";
import { withMount } from "../helpers/disk.ts";
import { fsck } from "../helpers/ext4.ts";
import { type Listing, listFolder } from "../helpers/listing.ts";
import { bigLayout, needsRealImages, TAG } from "../helpers/real-images.ts";
import { needsRegistry, type Registry, startRegistry } from "../helpers/registry.ts";
import { describeWith, requireTools } from "../helpers/requirements.ts";
import { listingDifferences, umociUnpack, without } from "../helpers/umoci.ts";

const TOOLS = requireTools("umoci", "e2fsck", "getfattr");

describeWith("an image of 1.4 GB", [needsRealImages(), needsRegistry(), TOOLS], () => {
  const scratch = mkdtempSync(join(tmpdir(), "fledge-big-"));
  let registry: Registry;
  let expected: Listing;
  beforeAll(async () => {
    const layout = await bigLayout();
    registry = await startRegistry();
    registry.push(`oci:${layout}:${TAG}`, "dev/big:1");
    expected = listFolder(await umociUnpack(layout, scratch));
    rmSync(join(scratch, "bundle"), { recursive: true });
  }, 3_600_000);
  afterAll(async () => {
    await registry?.stop();
    rmSync(scratch, { recursive: true, force: true });
  });

  test("becomes a disk that the kernel shows as umoci unpacks it", async () => {
    expect(Object.keys(expected).length).toBeGreaterThan(20_000);
    const { artifact, manifest } = await build("big", {
      ...{ name: "big", strategy: "oci_rootfs", source: { image: `${registry.host}/dev/big:1` } },
    });
    expect(statSync(artifact).size).toBeGreaterThan(1.3 * 2 ** 30);
    expect(manifest.workload).toMatchObject({
      entrypoint: ["/usr/bin/python3", "-m", "http.server", "8000"],
      base_url: "http://127.0.0.1:8000",
    });
    fsck(artifact);
    const shown = await withMount(artifact, "ro", listFolder);
    expect(listingDifferences(without(shown, "/lost+found", "/etc/fsify-entrypoint"), expected)).toEqual([]);
  }, 600_000);
});
