import { z } from "zod";

/** `filesystem` of a plugin whose tree is wanted as a tar archive. */
export const tarOptions = z.strictObject({
  type: z.literal("tar").describe("the tree as a tar archive, for other tools; Volant cannot boot it"),
  sparse: z
    .boolean()
    .optional()
    .describe(
      "keep holes, as GNU.sparse 1.0, which GNU tar and bsdtar read; false writes them as zeros, which every tar reads; default true",
    ),
});

export type ResolvedTarOptions = { readonly type: "tar"; readonly sparse: boolean };

export function resolveTarOptions({ type, sparse = true }: z.output<typeof tarOptions>): ResolvedTarOptions {
  return { type, sparse };
}
