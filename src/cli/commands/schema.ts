import type { Command } from "../commands.ts";
import { printJson } from "../terminal.ts";

export const schema: Command = {
  meta: { name: "schema", description: "Print the JSON Schema of fledge.toml, for editors" },
  args: { manifest: { type: "boolean", description: "The schema of manifest.toml instead" } },
  examples: [
    ["> fledge.schema.json", 'then put "#:schema ./fledge.schema.json" into the first line of fledge.toml'],
    ["--manifest", "the same for manifest.toml"],
  ],
  async run({ args }) {
    const { fledgeTomlJsonSchema, manifestTomlJsonSchema } = await import("../../config/json-schema.ts");
    const document = args.manifest ? manifestTomlJsonSchema() : fledgeTomlJsonSchema();
    printJson(document, 2);
  },
};
