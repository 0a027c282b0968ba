/** Shorter ones would mask half of what is said. */
const LEAST_LENGTH = 4;
const MASK = "***";

/**
 * Replaces each of `values`, and each line of one that has several, wherever it stands in a text: as it is, in base64,
 * on its own or as part of something longer, and as URLs and JSON write it.
 */
export function maskFor(values: readonly string[]): (text: string) => string {
  const parts = values.flatMap((value) => [value, ...value.split(/\r?\n/)]).map((part) => part.trim());
  const long = [...new Set(parts)].filter((part) => part.length >= LEAST_LENGTH);
  // The longest first: one may be part of another.
  const hidden = [...new Set(long.flatMap(formsOf))].sort((a, b) => b.length - a.length);
  return (text) => hidden.reduce((masked, part) => masked.replaceAll(part, MASK), text);
}

function formsOf(secret: string): string[] {
  const url = encodeURIComponent(secret);
  const lowerCase = url.replace(/%[0-9A-F]{2}/g, (byte) => byte.toLowerCase());
  const form = new URLSearchParams({ _: secret }).toString().slice(2);
  const json = JSON.stringify(secret).slice(1, -1);
  return [secret, url, lowerCase, form, json, ...base64Of(secret)].filter((text) => text.length >= LEAST_LENGTH);
}

/** What base64 makes of it: whole, and the part that it alone decides where it starts at any byte of something longer. */
function base64Of(secret: string): string[] {
  const bytes = Buffer.from(secret);
  const inside = [0, 1, 2].map((before) => {
    const text = Buffer.concat([Buffer.alloc(before), bytes])
      .toString("base64")
      .replace(/=+$/, "");
    const end = (before + bytes.length) % 3 === 0 ? text.length : text.length - 1;
    return text.slice(before === 0 ? 0 : before + 1, end);
  });
  const standard = [bytes.toString("base64"), ...inside].filter((text) => text.length >= LEAST_BASE64);
  return standard.flatMap((text) => [text, text.replaceAll("+", "-").replaceAll("/", "_")]);
}

/** Shorter parts come up by chance. */
const LEAST_BASE64 = 6;
