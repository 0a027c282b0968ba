import { FledgeError } from "../../lib/errors.ts";
import { nearest } from "../../lib/suggest.ts";

/** What `renderTemplate` puts in, by name. */
export type TemplateValues = Readonly<Record<string, string | number | boolean>>;

/**
 * A text with each `{{ name }}` replaced by the value of that name. Names are letters, digits, `_`, `-` and `.`; other
 * braces stay as they are, and so does `\{{ name }}`, without its backslash. Values are put in as they are, and not
 * searched again. Throws a `rootfs` error that names every missing value.
 */
export function renderTemplate(text: string, values: TemplateValues): string {
  const missing = new Set<string>();
  const rendered = text.replace(
    /(\\?)(\{\{\s*([\w.-]+)\s*\}\})/g,
    (_, backslash: string, whole: string, name: string) => {
      if (backslash !== "") return whole;
      if (!Object.hasOwn(values, name)) missing.add(name);
      return String(values[name]);
    },
  );
  if (missing.size === 0) return rendered;
  const names = [...missing].map((name) => `"${name}"`).join(", ");
  const meant = nearest([...missing][0] ?? "", Object.keys(values));
  throw new FledgeError("rootfs", `the template asks for ${names}, which the values lack`, {
    hint: meant === undefined ? `known: ${Object.keys(values).join(", ") || "none"}` : `did you mean "${meant}"?`,
  });
}
