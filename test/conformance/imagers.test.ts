import { cpSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { isFledgeError } from "../../src/lib/errors.ts";
import type { DirInode, Inode } from "../../src/rootfs/node.ts";
import type { SealedTree } from "../../src/rootfs/seal.ts";
import { testContext } from "../helpers/context.ts";
import { withFolder } from "../helpers/disk.ts";
import { IMAGER_CASES } from "../helpers/imager-cases.ts";
import { artifactIn, damageableTree, IMAGER_ROWS, type ImagerRow } from "../helpers/imager-rows.ts";
import { dir, seal } from "../helpers/inodes.ts";
import { differences } from "../helpers/mounted.ts";
import { randomTree } from "../helpers/random-tree.ts";
import { describeWith, requireRoot, requireTools } from "../helpers/requirements.ts";

// Same tree in, same listing out, whatever the imager: as the kernel or the format's own tool sees it.

for (const row of IMAGER_ROWS) {
  describeWith(row.name, [requireRoot(), requireTools("getfattr"), ...row.needs], () => {
    test.each(IMAGER_CASES)("%s", (_title, make) => withFolder((folder) => carries(row, make(folder))));

    test(
      "random trees",
      () =>
        fc.assert(
          fc.asyncProperty(randomTree, (root) => carries(row, root)),
          { numRuns: 12 },
        ),
      240_000,
    );

    test("the verifier finds every damage", () =>
      withFolder(async (folder) => {
        const tree = seal(damageableTree());
        const artifact = artifactIn(folder);
        await row.write(tree, artifact, testContext());
        await row.verify(tree, artifact, testContext());
        for (const { what, inflict } of row.damages(artifact)) {
          const damaged = `${artifact} with ${what.replaceAll("/", "_")}`;
          cpSync(artifact, damaged, { recursive: true, verbatimSymlinks: true, preserveTimestamps: true });
          inflict(damaged);
          const error = await row.verify(tree, damaged, testContext()).catch((thrown: unknown) => thrown);
          expect(isFledgeError(error) && error.code, what).toBe("verify");
        }
      }));
  });
}

/** The artifact holds the tree, less the documented losses; the verifier says so too, and a second one is the same. */
async function carries(row: ImagerRow, whole: DirInode): Promise<void> {
  await withFolder(async (folder) => {
    const root = filtered(whole, { map: (node) => (row.takes(node) ? node : undefined) });
    const tree = seal(root);
    const artifact = artifactIn(folder);
    if (row.refuses?.(tree)) {
      await expect(row.write(tree, artifact, testContext())).rejects.toMatchObject({ code: "tool" });
      return;
    }
    const facts = await row.write(tree, artifact, testContext());
    await row.verify(tree, artifact, testContext());
    await row.open(artifact, async (opened) => {
      expect(await differences(keptOf(row, root), opened, row.allowances)).toEqual([]);
      if (row.keepsHoles) for (const name of sparseNames(opened)) expect(isHoley(join(opened, name)), name).toBe(true);
    });
    if (!row.repeats) return;
    const again = `${artifact} again`;
    expect(await row.write(tree, again, testContext())).toEqual(facts);
    await row.verify(tree, again, testContext());
    expect(await row.fingerprint(again)).toBe(await row.fingerprint(artifact));
  });
}

/** The tree as the format keeps it. */
function keptOf({ kept, keepsLinksOf }: ImagerRow, root: DirInode): SealedTree {
  return seal(filtered(root, { map: kept, keepsLinksOf }));
}

type Filter = { readonly map: ImagerRow["kept"]; readonly keepsLinksOf?: ImagerRow["keepsLinksOf"] };

/** A tree of what `map` makes of its inodes; what was one inode stays one. */
function filtered(root: DirInode, { map, keepsLinksOf = () => true }: Filter): DirInode {
  const known = new Map<Inode, Inode | undefined>();
  const visit = (node: Inode): Inode | undefined => {
    if (!known.has(node) || !keepsLinksOf(node.type)) {
      const shell = map(node);
      known.set(node, shell?.type === "dir" ? { ...shell, children: dir(childrenOf(shell)).children } : shell);
    }
    return known.get(node);
  };
  const childrenOf = ({ children }: DirInode): [string, Inode][] =>
    [...children].flatMap(([name, child]): [string, Inode][] => {
      const left = visit(child);
      return left === undefined ? [] : [[name, left]];
    });
  return visit(root) as DirInode;
}

function sparseNames(folder: string): string[] {
  return readdirSync(folder).filter((name) => name.startsWith("sparse, "));
}

function isHoley(path: string): boolean {
  const { size, blocks } = statSync(path);
  return blocks * 512 < size / 10;
}
