import { z } from "zod";
import { configError, explain, type Finding } from "./explain.ts";
import type { AnyPresetDefinition } from "./preset-use.ts";
import type { StandardIssue, StandardSchema } from "./standard-schema.ts";
import { withPath } from "./toml/position.ts";

/**
 * The options of a preset, checked and with their defaults. Throws one `config` error with all that is wrong; `file` is
 * where they were written.
 */
export async function checkOptions(
  { options: schema }: AnyPresetDefinition,
  given: unknown,
  { name, file }: { readonly name: string; readonly file: string },
): Promise<unknown> {
  const options = given ?? {};
  if (schema === undefined) return options;
  const strict = strictly(schema);
  const result = await strict["~standard"].validate(options);
  if (result.issues === undefined) return result.value;
  const found = explained(strict, options) ?? result.issues.map(findingOf);
  throw configError(
    found.map((finding) => ({
      message: `preset "${name}": ${withPath(finding)}`,
      file,
      ...(finding.hint !== undefined && { hint: finding.hint }),
    })),
  );
}

/** A misspelt option must not be dropped in silence, whether or not the author thought of `z.strictObject`. */
function strictly(schema: StandardSchema): StandardSchema {
  const isLoose = schema instanceof z.ZodObject && schema.def.catchall === undefined;
  return isLoose ? schema.strict() : schema;
}

/** In the words that fledge has for its own options; undefined for other libraries and for rules that are async. */
function explained(schema: StandardSchema, options: unknown): Finding[] | undefined {
  if (!(schema instanceof z.ZodType)) return undefined;
  try {
    return explain(schema, options);
  } catch {
    return undefined;
  }
}

function findingOf({ message, path = [] }: StandardIssue): Finding {
  const keys = path.map((part) => (typeof part === "object" ? part.key : part));
  return { path: keys.map((key) => (typeof key === "number" ? key : String(key))), at: "value", message };
}
