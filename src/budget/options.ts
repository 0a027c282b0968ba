import { z } from "zod";
import { parseSize, SIZE } from "../lib/bytes.ts";

const size = z.union([z.string().regex(SIZE, 'write a size like "64M", "1.5G" or 4096 (bytes)'), z.int().positive()]);
const count = z.int().positive();

/** How large what a plugin builds may become. */
export const budgetOptions = z.strictObject({
  imageBytes: size.optional().describe('the artifact, holes included, e.g. "256M"'),
  usedBytes: size.optional().describe("all files in blocks of 4 KiB, without holes, hard links once"),
  inodes: count.optional().describe("files, folders and all else"),
  commandLineBytes: count.optional().describe("what the manifest takes of the guest's kernel command line"),
  growth: z
    .string()
    .regex(/^\d+(\.\d+)?%$/, 'write it like "5%"')
    .optional()
    .describe("how much larger image and files may be than what fledge budget --record has written down"),
});

/** As a person writes them. */
export type BudgetOptions = z.input<typeof budgetOptions>;

/** In bytes and numbers; `growth` as a part of 1. */
export type ResolvedBudgets = {
  readonly imageBytes?: number;
  readonly usedBytes?: number;
  readonly inodes?: number;
  readonly commandLineBytes?: number;
  readonly growth?: number;
};

/** Throws a `config` error for a size that is none. */
export function resolveBudgets(options: BudgetOptions): ResolvedBudgets {
  const { imageBytes, usedBytes, inodes, commandLineBytes, growth } = options;
  return {
    ...(inodes !== undefined && { inodes }),
    ...(commandLineBytes !== undefined && { commandLineBytes }),
    ...(imageBytes !== undefined && { imageBytes: parseSize(imageBytes) }),
    ...(usedBytes !== undefined && { usedBytes: parseSize(usedBytes) }),
    ...(growth !== undefined && { growth: Number.parseFloat(growth) / 100 }),
  };
}
