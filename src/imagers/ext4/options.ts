import { z } from "zod";

/** The ext4 image of an oci_rootfs plugin. */
export const ext4Options = z.strictObject({
  type: z.literal("ext4"),
  headroom: z.union([z.string(), z.number()]).optional().describe('free space on top of the content, e.g. "64M"'),
  size: z.union([z.string(), z.number()]).optional().describe("size of the whole image instead of an exact fit"),
  journal: z.boolean().optional(),
  preallocate: z.boolean().optional().describe("write holes out as blocks"),
  label: z.string().optional(),
  uuid: z.string().optional(),
});

export type Ext4Options = z.output<typeof ext4Options>;
