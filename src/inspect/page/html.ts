import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { formatSize, fromByteString, toByteString } from "../../lib/bytes.ts";
import { escapeCharacters } from "../../lib/escape.ts";
import { type Drawn, layOut } from "./layout.ts";
import { bytesByGroup, type Sized } from "./sized.ts";

/** One page: a map, and below it tables. */
export type Page = {
  readonly title: string;
  /** What it is, in a few words each. */
  readonly facts: readonly string[];
  /** Absent where the contents cannot be read. */
  readonly map?: PageMap;
  readonly sections: readonly Section[];
};

export type PageMap = {
  readonly root: Sized;
  /** What the colours stand for: "Origin", "Difference", "Folder". */
  readonly by: string;
  readonly groups: readonly Group[];
};

/** What a colour stands for; `slot` is its place in the palette. */
export type Group = { readonly name: string; readonly detail?: string; readonly slot: string };

/** A table. A number in a row is a size in bytes; `bars` gives a row a bar from one part of 1 to another. */
export type Section = {
  readonly title: string;
  readonly note?: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly (string | number)[])[];
  readonly bars?: readonly (readonly [from: number, to: number])[];
};

const FOLDER = new URL("../../../templates/page/", import.meta.url);

/**
 * Renders one self-contained HTML document: no network, no framework, and no script but its own, which its policy says.
 * The same page gives the same bytes.
 */
export function renderPage(page: Page): string {
  const [template = "", style = "", script = ""] = ["page.template", "page.css", "page.js"].map((name) =>
    readFileSync(new URL(name, FOLDER), "utf8"),
  );
  const { title, facts, map, sections } = page;
  const values: Record<string, string> = {
    title: escaped(title),
    facts: facts.map((fact) => `<li>${escaped(fact)}</li>`).join(""),
    policy: `default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-${hashOf(script)}'`,
    style,
    script,
    by: escaped(map?.by ?? ""),
    hidden: map === undefined || map.root.bytes === 0 ? "hidden" : "",
    data: map === undefined ? "null" : inScript(JSON.stringify(dataOf(map))),
    all: map === undefined ? "" : namesOf(map.root),
    sections: sections
      .filter(({ rows }) => rows.length > 0)
      .map(sectionHtml)
      .join("\n"),
  };
  return template.replace(/\{\{(\w+)\}\}/g, (_, name: string) => values[name] ?? "");
}

/** What the browser takes for the script's text, and hashes. */
function hashOf(script: string): string {
  return createHash("sha256").update(script).digest("base64");
}

/** Short keys and arrays: a page has thousands of these. */
function dataOf({ root, groups }: PageMap): object {
  const drawn = layOut(root).map(({ parent, name, bytes, group, count, isFolder, wide, tall }: Drawn) => [
    ...[parent, printable(name), bytes, group, isFolder ? -1 : (count ?? 0)],
    ...wide,
    ...tall,
  ]);
  // Of what is put together on the map the page could not tell whose it is.
  const bytes = bytesByGroup(root);
  return {
    drawn,
    groups: groups.map(({ name, detail = "", slot }, place) => ({
      ...{ name: printable(name), detail: printable(detail), slot },
      bytes: bytes.get(place) ?? 0,
    })),
  };
}

/** Every name, for the search: depth, name, bytes, group; packed, since there may be a hundred thousand. */
function namesOf(root: Sized): string {
  const rows: string[] = [];
  const stack = [{ node: root, depth: 0 }];
  for (let next = stack.pop(); next; next = stack.pop()) {
    const { node, depth } = next;
    const { name, bytes, group, children } = node;
    rows.push(JSON.stringify([depth, printable(name), bytes, group]));
    for (const child of (children ?? []).toReversed()) stack.push({ node: child, depth: depth + 1 });
  }
  return gzipSync(`[${rows.join(",\n")}]`, { level: 9 }).toString("base64");
}

function sectionHtml({ title, note, head, rows, bars }: Section): string {
  const isSize = (column: number): boolean => rows.every((row) => typeof row[column] === "number");
  const titles = head.map((text, i) => `<th scope="col"${isSize(i) ? ' class="size"' : ""}>${escaped(text)}</th>`);
  const body = rows.map((row, i) => {
    const cells = row.map((value) =>
      typeof value === "number" ? `<td class="size">${formatSize(value)}</td>` : `<td>${escaped(value)}</td>`,
    );
    return `<tr>${cells.join("")}${barHtml(bars?.[i])}</tr>`;
  });
  const bar = bars === undefined ? "" : "<td></td>";
  return `<section><h2>${escaped(title)}</h2>${note === undefined ? "" : `<p>${escaped(note)}</p>`}
<div class="scroll"><table><thead><tr>${titles.join("")}${bar}</tr></thead><tbody>
${body.join("\n")}
</tbody></table></div></section>`;
}

function barHtml(bar: readonly [number, number] | undefined): string {
  if (bar === undefined) return "";
  const [from, to] = bar.map((part) => (part * 100).toFixed(2));
  return `<td class="bar" aria-hidden="true"><span style="--from:${from}%;--to:${to}%"></span></td>`;
}

/** Text of another's for an element or an attribute. */
function escaped(text: string): string {
  const entities: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };
  return printable(text).replace(/[&<>"']/g, (char) => entities[char] ?? "");
}

/** No text in it can end the element, nor begin a comment. */
function inScript(json: string): string {
  return json.replaceAll("<", "\\u003c");
}

/** Control characters, and what turns the direction of text round, are shown instead of sent. */
const UNPRINTABLE = /[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

/** A name as people read it: bytes that are no UTF-8 as `\xNN`. */
function printable(text: string): string {
  return escapeCharacters(fromByteString(toByteString(text)), UNPRINTABLE);
}
