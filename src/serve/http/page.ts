import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";

const FOLDER = new URL("../../../templates/serve/", import.meta.url);

/** The page for people: one document, with the policy that lets its own script and style work and nothing else. */
export type ServePage = { readonly html: string; readonly policy: string };

/** Puts it together once. */
export function servePage(): ServePage {
  const [template = "", style = "", script = ""] = ["serve.template", "serve.css", "serve.js"].map((name) =>
    readFileSync(new URL(name, FOLDER), "utf8"),
  );
  const values: Readonly<Record<string, string>> = { style, script };
  const html = template.replace(/\{\{(\w+)\}\}/g, (_, name: string) => values[name] ?? "");
  const own = [
    "default-src 'none'",
    `script-src 'sha256-${hashOf(script)}'`,
    `style-src 'sha256-${hashOf(style)}'`,
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ];
  return { html, policy: own.join("; ") };
}

/** What the browser takes for the element's text, and hashes. */
function hashOf(text: string): string {
  return createHash("sha256").update(text).digest("base64");
}
