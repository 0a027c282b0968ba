import { originName } from "../../budget/measure.ts";
import type { BuildOrigins } from "../../store/builds.ts";
import type { ImageReader } from "../reader.ts";
import type { Group, PageMap } from "./html.ts";
import { byLargest, bytesByGroup, type GroupOf, type Sized, sizedTree } from "./sized.ts";

/** Colours of the palette; what is beyond shares the last one. */
const SLOTS = 10;

/** Groups in the order in which they are asked for, which get their colours by what they take. */
class Groups {
  readonly #places = new Map<string, number>();
  readonly #details: (string | undefined)[] = [];

  placeOf(name: string, detail?: string): number {
    const known = this.#places.get(name);
    if (known !== undefined) return known;
    this.#places.set(name, this.#places.size);
    return this.#details.push(detail) - 1;
  }

  /** The largest first in the palette; `bytes` by place. */
  colored(bytes: ReadonlyMap<number, number>): Group[] {
    const names = [...this.#places.keys()];
    const order = names.map((_, place) => place).sort((a, b) => (bytes.get(b) ?? 0) - (bytes.get(a) ?? 0) || a - b);
    const slots = new Map(order.map((place, rank) => [place, String(Math.min(rank, SLOTS - 1))]));
    return names.map((name, place) => {
      const detail = this.#details[place];
      return { name, slot: slots.get(place) ?? "0", ...(detail !== undefined && { detail }) };
    });
  }
}

/** An image, with the origins of what is in it where they are known. */
export type Mapped = {
  readonly name: string;
  readonly reader: ImageReader;
  readonly origins?: BuildOrigins | undefined;
};

/** The map of one image, or of several beside each other: coloured by origin, and by top folder where that is not known. */
export function imageMap(images: readonly Mapped[]): PageMap {
  const groups = new Groups();
  const isKnown = images.some(({ origins }) => origins !== undefined);
  const trees = images.map(({ name, reader, origins }) => {
    const groupOf = isKnown ? byOrigin(groups, origins) : byFolder(groups);
    return sizedTree(reader.root, images.length > 1 ? name : "", groupOf);
  });
  const [only] = trees;
  const bytes = trees.reduce((sum, tree) => sum + tree.bytes, 0);
  const all: Sized = only !== undefined && trees.length === 1 ? only : { name: "", bytes, group: 0, children: trees };
  const root = byLargest(all).node;
  return { root, by: isKnown ? "Origin" : "Folder", groups: groups.colored(bytesByGroup(root)) };
}

function byOrigin(groups: Groups, origins: BuildOrigins | undefined): GroupOf {
  return (path) => {
    const place = origins?.names.get(path)?.origin;
    const origin = place === undefined ? undefined : origins?.table[place];
    return origin === undefined ? groups.placeOf("others") : groups.placeOf(originName(origin), origin.detail);
  };
}

function byFolder(groups: Groups): GroupOf {
  return (path, { type }) => {
    const [top = "", ...rest] = path.split("/");
    return groups.placeOf(rest.length > 0 || type === "dir" ? `/${top}` : "/");
  };
}
