import { execFile } from "node:child_process";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { isDeepStrictEqual, promisify } from "node:util";
import type { Listed, Listing } from "./listing.ts";
import { TAG } from "./real-images.ts";

/** Unpacks the image of a layout as root would; returns the folder of its root filesystem, inside `folder`. */
export async function umociUnpack(layout: string, folder: string): Promise<string> {
  const bundle = join(folder, "bundle");
  rmSync(bundle, { recursive: true, force: true });
  await promisify(execFile)("umoci", ["unpack", "--image", `${layout}:${TAG}`, bundle]);
  return join(bundle, "rootfs");
}

/** A listing without some paths and, of links, without those names. */
export function without(listing: Listing, ...paths: readonly string[]): Listing {
  return Object.fromEntries(Object.entries(listing).filter(([path]) => !paths.includes(path)));
}

/** A listing in which some fields of every entry are left out, for formats that cannot hold them. */
export function mapListing(listing: Listing, change: (listed: Listed) => Partial<Listed>): Record<string, object> {
  return Object.fromEntries(Object.entries(listing).map(([path, listed]) => [path, { ...listed, ...change(listed) }]));
}

/** One line per path that differs, where a deep comparison of thousands of entries could not be read. */
export function listingDifferences(
  actual: Readonly<Record<string, object>>,
  expected: Readonly<Record<string, object>>,
): string[] {
  const paths = [...new Set([...Object.keys(actual), ...Object.keys(expected)])].sort();
  const found = paths
    .filter((path) => !isDeepStrictEqual(actual[path], expected[path]))
    .map((path) => `${path}: ${JSON.stringify(actual[path])} is not ${JSON.stringify(expected[path])}`);
  return found.length > 30 ? [...found.slice(0, 30), `and ${found.length - 30} more`] : found;
}
