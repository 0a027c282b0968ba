import { z } from "zod";

const guestPath = z.string().superRefine((path, ctx) => {
  if (!path.startsWith("/")) {
    ctx.addIssue({
      code: "custom",
      message: `the destination "${path}" is not absolute; did you mean "/${path.replace(/^\.\//, "")}"?`,
    });
  } else if (path.split("/").includes("..")) {
    ctx.addIssue({ code: "custom", message: `the destination "${path}" climbs with ".."; write the path it leads to` });
  }
});

const id = z.int().min(0).max(0xffff_fffe);

/** Text is read as octal, as chmod does; a number is the mode itself (0o755 in TypeScript and in TOML). */
const mode = z.union([
  z.int().min(0).max(0o7777),
  z.string().regex(/^0?[0-7]{3,4}$/, 'is not an octal mode such as "0755"'),
]);

/** Files and folders of this machine that go into the guest: host path -> guest path. */
export const mappingsOptions = z.record(
  z.string().min(1).meta({ hostPath: "path" }),
  z.union([
    guestPath,
    z.strictObject({
      to: guestPath.describe("absolute path in the guest"),
      mode: mode.optional().describe('permissions instead of those the FHS rules give, e.g. "0755"'),
      uid: id.optional().describe("owner; default 0"),
      gid: id.optional().describe("group; default 0"),
    }),
  ]),
);

/** A mapping with its host path made absolute. `key` names the config's line: `mappings["./app"]`. */
export type ResolvedMapping = {
  readonly from: string;
  readonly to: string;
  readonly key: string;
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
};
