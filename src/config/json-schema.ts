import { z } from "zod";
import { fledgeTomlSchema, manifestTomlSchema } from "./toml/schema.ts";

type JsonSchema = { readonly [key: string]: unknown };

/** The JSON Schema of fledge.toml; Draft 4, the one that TOML editors read. */
export function fledgeTomlJsonSchema(): JsonSchema {
  return draft4(fledgeTomlSchema, "fledge.toml", "The recipe of a Volant plugin, built by fledge");
}

/** The JSON Schema of manifest.toml. */
export function manifestTomlJsonSchema(): JsonSchema {
  return draft4(manifestTomlSchema, "manifest.toml", "What the manifest of a Volant plugin says of its run time");
}

function draft4(schema: z.ZodType, title: string, description: string): JsonSchema {
  const document = z.toJSONSchema(schema, {
    target: "draft-4",
    io: "input",
    unrepresentable: "any",
    override: ({ jsonSchema }) => {
      // For our own messages, not for editors.
      for (const key of ["exclusive", "expected", "hint", "hostPath"])
        delete (jsonSchema as Record<string, unknown>)[key];
    },
  });
  return { $schema: "http://json-schema.org/draft-04/schema#", title, description, ...document };
}
