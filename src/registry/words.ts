import type { HttpResponse } from "../lib/network/http.ts";
import { shortened } from "../lib/shortened.ts";
import { type JsonObject, objectOf, objectsOf, parseJson, stringOf } from "./json.ts";

/** What a registry says of an error (distribution-spec, "Error Codes"). */
export type Words = {
  /** `DENIED`, `MANIFEST_UNKNOWN`. */
  readonly codes: readonly string[];
  /** For people; undefined where it says nothing. */
  readonly text: string | undefined;
};

const MAX_LENGTH = 500;
const MAX_DETAIL_LENGTH = 150;

/** Reads the beginning of an answer that is an error. It may repeat what it was shown, so the caller masks it. */
export async function readWords(response: HttpResponse): Promise<Words> {
  const body = await response.peek();
  const type = response.headers["content-type"] ?? "";
  try {
    return wordsIn(parseJson(body, "the answer"));
  } catch {
    const line = /^text\/plain\b/.test(type) ? body.toString("utf8").trim() : "";
    return { codes: [], text: line === "" ? undefined : shortened(line, MAX_LENGTH) };
  }
}

function wordsIn(document: JsonObject): Words {
  const errors = objectsOf(document.errors);
  // Token services have forms of their own: OAuth's (RFC 6749, 5.2), and Docker Hub's `details`.
  const all = errors.length > 0 ? errors : [{ code: document.error, message: othersText(document) }];
  const said = all.map(({ code, message, detail }) => {
    const name = stringOf(code) || undefined;
    const parts = [name, stringOf(message) || undefined].filter((part) => part !== undefined);
    const more = detailOf(detail);
    return `${parts.join(": ")}${more === undefined || parts.includes(more) ? "" : ` (${more})`}`.trim();
  });
  const text = said.filter((one) => one !== "").join("; ");
  return {
    codes: errors.map(({ code }) => stringOf(code)?.toUpperCase() ?? ""),
    text: text === "" ? undefined : shortened(text, MAX_LENGTH),
  };
}

function othersText({ error_description, message, details, detail }: JsonObject): string | undefined {
  return [error_description, message, details, detail].map(stringOf).find((text) => text);
}

/** A text, or an object as it is; nothing where it is null or empty. */
function detailOf(detail: unknown): string | undefined {
  if (typeof detail === "string") return detail === "" ? undefined : shortened(detail, MAX_DETAIL_LENGTH);
  const object = objectOf(detail);
  const isEmpty =
    object === undefined ? !Array.isArray(detail) || detail.length === 0 : Object.keys(object).length === 0;
  return isEmpty ? undefined : shortened(JSON.stringify(detail), MAX_DETAIL_LENGTH);
}
