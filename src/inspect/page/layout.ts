import { hierarchy, treemap } from "d3-hierarchy";
import type { Sized } from "./sized.ts";

/** A rectangle in parts of 10,000 of the map: left, top, right, bottom. */
export type Box = readonly [number, number, number, number];

/** What is drawn of a tree, parents before children: the place of its parent (-1 of the root), and where it goes. */
export type Drawn = {
  readonly parent: number;
  readonly name: string;
  readonly bytes: number;
  readonly group: number;
  /** Of what is too small to be drawn by itself and stands in its folder as one: how many names that is. */
  readonly count?: number;
  readonly isFolder: boolean;
  /** On a map that is wider than high, and on one that is not. */
  readonly wide: Box;
  readonly tall: Box;
};

const SMALLEST_PART = 1 / 2000;
const UNIT = 10_000;
const WIDE_RATIO = 1.7;
const TALL_RATIO = 0.8;

type Kept = Sized & { readonly count?: number; readonly children?: readonly Kept[] };

/** Lays out a tree as a squarified treemap; of each folder what takes less than a 2000th of all is one rectangle. */
export function layOut(root: Sized): Drawn[] {
  const kept = keep(root, root.bytes * SMALLEST_PART);
  const wide = boxes(kept, WIDE_RATIO);
  const tall = boxes(kept, TALL_RATIO);
  const places = new Map(wide.nodes.map((node, place) => [node, place]));
  return wide.nodes.map((node, place) => {
    const { name, bytes, group, count, children } = node.data;
    return {
      ...{ parent: node.parent === null ? -1 : (places.get(node.parent) ?? -1), name, bytes, group },
      ...(count !== undefined && { count }),
      isFolder: children !== undefined,
      wide: wide.at(place),
      tall: tall.at(place),
    };
  });
}

function keep(node: Sized, least: number): Kept {
  if (node.children === undefined) return node;
  const large = node.children.filter(({ bytes }) => bytes >= least && bytes > 0).map((child) => keep(child, least));
  const small = node.children.filter(({ bytes }) => bytes < least || bytes === 0);
  const bytes = small.reduce((sum, child) => sum + child.bytes, 0);
  if (bytes === 0) return { ...node, children: large };
  const largest = small.reduce((most, child) => (child.bytes > most.bytes ? child : most));
  return { ...node, children: [...large, { name: "", bytes, group: largest.group, count: namesIn(small) }] };
}

function namesIn(nodes: readonly Sized[]): number {
  return nodes.reduce((sum, { children }) => sum + 1 + (children === undefined ? 0 : namesIn(children)), 0);
}

function boxes(root: Kept, ratio: number) {
  const top = hierarchy<Kept>(root, ({ children }) => children as Kept[] | undefined)
    .sum(({ children, bytes }) => (children === undefined ? bytes : 0))
    .sort((x, y) => (y.value ?? 0) - (x.value ?? 0));
  const nodes = treemap<Kept>()
    .size([UNIT * ratio, UNIT])(top)
    .descendants();
  const at = (place: number): Box => {
    const { x0 = 0, y0 = 0, x1 = 0, y1 = 0 } = nodes[place] ?? {};
    return [Math.round(x0 / ratio), Math.round(y0), Math.round(x1 / ratio), Math.round(y1)];
  };
  return { nodes, at };
}
