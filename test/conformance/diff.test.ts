import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { expect, test } from "vitest";
import { type Difference, diffImages } from "../../src/inspect/diff.ts";
import { openImage } from "../../src/inspect/open.ts";
import { toByteString, toText } from "../../src/lib/bytes.ts";
import { run, withFolder } from "../helpers/disk.ts";
import { type Listing, listFolder } from "../helpers/listing.ts";
import { debianLayout, needsRealImages, nginxLayout, TAG } from "../helpers/real-images.ts";
import { describeWith, requireTools } from "../helpers/requirements.ts";
import { umociUnpack } from "../helpers/umoci.ts";

/** Paths in which two folders differ; times are not compared, nor which names are one file. */
function differing(a: Listing, b: Listing): Record<"added" | "removed" | "changed", string[]> {
  const shown = (path: string): string => toText(toByteString(Buffer.from(path, "latin1"))) || "/";
  const seen = (listing: Listing, path: string) => ({ ...listing[path], mtime: "", links: [] });
  const only = (one: Listing, other: Listing) => Object.keys(one).filter((path) => other[path] === undefined);
  const both = Object.keys(a).filter((path) => b[path] !== undefined);
  const changed = both.filter((path) => !isDeepStrictEqual(seen(a, path), seen(b, path)));
  return {
    added: only(b, a).map(shown).sort(),
    removed: only(a, b).map(shown).sort(),
    changed: changed.map(shown).sort(),
  };
}

/** The same of what fledge found: what was renamed is gone in one place and new in another. */
function found(differences: readonly Difference[]): ReturnType<typeof differing> {
  const of = (change: Difference["change"]) => differences.filter((difference) => difference.change === change);
  const renamed = of("renamed");
  const paths = (those: readonly Difference[]) => those.map(({ path }) => path);
  const notOnlyLinks = of("changed").filter(({ aspects }) => aspects.some(({ what }) => what !== "links"));
  return {
    added: [...paths(of("added")), ...paths(renamed)].sort(),
    removed: [...paths(of("removed")), ...renamed.map(({ from = "" }) => from)].sort(),
    changed: paths(notOnlyLinks).sort(),
  };
}

describeWith("an image of Debian", [needsRealImages(), requireTools("skopeo", "umoci", "getfattr")], () => {
  test("differs from another in what their unpacked trees do, in both directions", () =>
    withFolder(async (folder) => {
      const layouts = [await debianLayout(), await nginxLayout()];
      const open = (target: string) => openImage(target, { cacheDir: join(folder, "cache") });
      const [debian, nginx] = [await open(layouts[0] as string), await open(layouts[1] as string)];
      const listings: Listing[] = [];
      for (const layout of layouts) listings.push(listFolder(await umociUnpack(layout, folder)));
      const [a, b] = listings as [Listing, Listing];
      expect(found((await diffImages(debian, nginx)).differences)).toEqual(differing(a, b));
      expect(found((await diffImages(nginx, debian)).differences)).toEqual(differing(b, a));
      expect(differing(a, b).added).toContain("/usr/sbin/nginx");
      await debian.close();
      await nginx.close();
    }));

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
