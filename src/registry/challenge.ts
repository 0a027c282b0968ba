/** One challenge of a `WWW-Authenticate` header (RFC 9110, 11.6.1); scheme and parameter names in lower case. */
export type Challenge = { readonly scheme: string; readonly params: Readonly<Record<string, string>> };

const TOKEN = /[!#$%&'*+.^_`|~0-9A-Za-z-]+/y;

/** The challenges of one or several header lines, in order. What does not parse ends the list: servers are sloppy. */
export function parseChallenges(header: string | readonly string[] | undefined): Challenge[] {
  const text = typeof header === "string" ? header : (header ?? []).join(", ");
  const challenges: { scheme: string; params: Record<string, string> }[] = [];
  const scanner = new Scanner(text);
  for (;;) {
    scanner.skip(/[\s,]+/y);
    const word = scanner.take(TOKEN)?.toLowerCase();
    if (word === undefined) return challenges;
    const current = challenges.at(-1);
    // `name=` continues the challenge at hand, a bare word starts the next one.
    if (scanner.skip(/\s*=\s*/y) && current !== undefined) {
      const value = scanner.takeQuoted() ?? scanner.take(/[^\s,]+/y);
      current.params[word] = value ?? "";
    } else {
      challenges.push({ scheme: word, params: {} });
    }
  }
}

class Scanner {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  take(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#text)?.[0];
    if (match !== undefined) this.#at += match.length;
    return match;
  }

  skip(pattern: RegExp): boolean {
    return this.take(pattern) !== undefined;
  }

  takeQuoted(): string | undefined {
    return this.take(/"(?:[^"\\]|\\.)*"/y)
      ?.slice(1, -1)
      .replace(/\\(.)/g, "$1");
  }
}
