import { z } from "zod";
import type { CustomSource } from "../../contract/source.ts";
import { memberProblems } from "../../lib/members.ts";

const custom = z
  .custom<CustomSource>((value) => typeof value === "object" && value !== null)
  .superRefine((source, ctx) => {
    const contract = {
      name: "text",
      requirements: "function?",
      pin: "function",
      layers: "function",
      image: "function?",
    } as const;
    for (const { key, message, hint } of memberProblems(source, contract)) {
      ctx.addIssue({ code: "custom", path: [key], message, params: { hint } });
    }
  })
  .meta({ expected: "a source, as defineSource() takes it" });

/** `source` of a plugin whose root filesystem comes from the config's own code. */
export const customSourceOptions = z.strictObject({
  custom: custom.describe("a source of your own: what defineSource() returns"),
});

export type CustomSourceOptions = z.output<typeof customSourceOptions>;

/** The user's object behind functions of ours, since what is resolved is frozen and the object stays the user's. */
export function resolveCustomSource({ custom: source }: CustomSourceOptions): CustomSourceOptions {
  return {
    custom: {
      name: source.name,
      pin: (ctx) => source.pin(ctx),
      layers: (pin, ctx) => source.layers(pin, ctx),
      ...(source.requirements !== undefined && { requirements: () => source.requirements?.() ?? [] }),
      ...(source.image !== undefined && { image: source.image.bind(source) }),
    },
  };
}
