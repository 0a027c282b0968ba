import { z } from "zod";

/** `filesystem` of a plugin whose tree is wanted as a tar archive. */
export const tarOptions = z.strictObject({
  type: z.literal("tar").describe("the tree as a tar archive, for other tools; Volant cannot boot it"),
});

export type ResolvedTarOptions = { readonly type: "tar" };
