import { z } from "zod";

/** `filesystem` of a plugin whose tree is wanted as a folder. */
export const dirOptions = z.strictObject({
  type: z.literal("dir").describe("the tree as a folder, for a look at it and for other tools; Volant cannot boot it"),
});

export type ResolvedDirOptions = { readonly type: "dir" };
