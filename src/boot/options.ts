import { z } from "zod";

const withinMs = z
  .int()
  .positive()
  .optional()
  .describe("budget in milliseconds, from the step before; default 60000; times five where the guest is emulated");

const port = z.int().min(1).max(65535);

/** One thing that a guest is waited for. */
const stepOptions = z.union([
  z.strictObject({ line: z.string().min(1).describe("a line of the console has this text"), withinMs }),
  z.strictObject({
    pattern: z
      .string()
      .min(1)
      .refine(isPattern, "is not a regular expression")
      .describe("a line of the console matches this regular expression"),
    withinMs,
  }),
  z.strictObject({ port: port.describe("a program of the guest takes connections at this TCP port"), withinMs }),
  z.strictObject({
    http: z
      .string()
      .startsWith("/", 'is not a path: begin it with "/"')
      .describe("path that is asked for by GET until it answers so"),
    port: port.optional().describe("of the guest; default that of manifest.workload.baseUrl"),
    status: z.int().min(100).max(599).optional().describe("status of the answer; default any of 200 to 299"),
    contains: z.string().min(1).optional().describe("text that the answer's body has"),
    withinMs,
  }),
  z.strictObject({
    exit: z.enum(["poweroff", "reboot", "any"]).describe("the guest ends by itself so, without a panic"),
    withinMs,
  }),
]);

/** `test.boot`: what a boot of the artifact must show. */
export const bootTestOptions = z.strictObject({
  name: z.string().min(1).optional().describe("what the test is called; default what it waits for"),
  until: z
    .union([stepOptions, z.array(stepOptions).min(1, "is empty")])
    .describe("what the guest is waited for: one thing, or several in a row; a panic, or its end, fails the test"),
  not: z.array(z.string().min(1)).optional().describe("texts that no line of the console may have until then"),
  memoryMb: z.int().positive().optional().describe("memory of the guest in MiB; default the manifest's"),
  cpus: z.int().positive().optional().describe("processors of the guest; default the manifest's"),
});

/** `test` of a plugin. */
export const testOptions = z.strictObject({
  boot: z.array(bootTestOptions).optional().describe("boots of the artifact, each of them of its own, for fledge test"),
});

export type BootStep = z.output<typeof stepOptions>;
export type BootTest = z.output<typeof bootTestOptions>;
export type TestOptions = z.output<typeof testOptions>;

function isPattern(text: string): boolean {
  try {
    return new RegExp(text) !== undefined;
  } catch {
    return false;
  }
}
