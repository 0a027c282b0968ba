import { join } from "node:path";
import { expect, test } from "vitest";
import { diffImages } from "../../src/inspect/diff.ts";
import { openImage } from "../../src/inspect/open.ts";
import { run, withFolder } from "../helpers/disk.ts";
import { debianLayout, needsRealImages, TAG } from "../helpers/real-images.ts";
import { describeWith, requireTools } from "../helpers/requirements.ts";

describeWith("an image of Debian", [needsRealImages(), requireTools("skopeo")], () => {
  test.each(["oci-archive", "docker-archive"])("is the same in buildah's layout and in skopeo's %s", (kind) =>
    withFolder(async (folder) => {
      const layout = await debianLayout();
      const archive = join(folder, "copy.tar");
      run("skopeo", ["copy", "--quiet", `oci:${layout}:${TAG}`, `${kind}:${archive}:debian:${TAG}`]);
      const open = (target: string) => openImage(target, { cacheDir: join(folder, "cache") });
      const [a, b] = [await open(layout), await open(archive)];
      const { isSame, differences } = await diffImages(a, b);
      expect([isSame, differences]).toEqual([true, []]);
      expect(a.tree.entries.length).toBeGreaterThan(1000);
      await a.close();
      await b.close();
    }),
  );
});
