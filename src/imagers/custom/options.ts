import { z } from "zod";
import type { CustomImager } from "../../contract/imager.ts";
import { memberProblems } from "../../lib/members.ts";

const imager = z
  .custom<CustomImager>((value) => typeof value === "object" && value !== null)
  .superRefine((value, ctx) => {
    const contract = {
      name: "text",
      suffix: "text",
      isBootable: "boolean",
      kernelName: "text?",
      requirements: "function?",
      write: "function",
      verify: "function?",
    } as const;
    for (const { key, message, hint } of memberProblems(value, contract)) {
      ctx.addIssue({ code: "custom", path: [key], message, params: { hint } });
    }
    if (typeof value.suffix === "string" && /[/\0]/.test(value.suffix)) {
      ctx.addIssue({ code: "custom", path: ["suffix"], message: "is part of a file name and has no slash" });
    }
  })
  .meta({ expected: "an imager, as defineImager() takes it" });

/** `filesystem` of a plugin whose artifact is written by the config's own code. */
export const customOptions = z.strictObject({
  type: z.literal("custom").describe("written by an imager of your own"),
  imager: imager.describe("of type custom: what defineImager() returns"),
});

export type CustomOptions = z.output<typeof customOptions>;

/** The user's object behind functions of ours, since what is resolved is frozen and the object stays the user's. */
export function resolveCustomOptions({ type, imager: own }: CustomOptions): CustomOptions {
  const { name, suffix, isBootable, kernelName } = own;
  return {
    type,
    imager: {
      name,
      suffix,
      isBootable,
      ...(kernelName !== undefined && { kernelName }),
      write: (tree, out, ctx) => own.write(tree, out, ctx),
      ...(own.requirements !== undefined && { requirements: () => own.requirements?.() ?? [] }),
      ...(own.verify !== undefined && { verify: own.verify.bind(own) }),
    },
  };
}
