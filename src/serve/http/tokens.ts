import { randomBytes, timingSafeEqual } from "node:crypto";
import { lstatSync, readFileSync, statSync } from "node:fs";
import { appendFile } from "node:fs/promises";
import { sha256 } from "../../lib/digest.ts";
import { errnoOf, FledgeError } from "../../lib/errors.ts";
import { ioError } from "../../lib/files/io-error.ts";

/** A name, and the digest of its token: `ann sha256:...`. Lines that begin with # say something to people. */
type Line = { readonly name: string; readonly digest: Buffer };

const NAME = /^[\w.@-]{1,64}$/;

/**
 * The tokens that a service takes, out of a file that only has their digests. It is read again when it has changed, so
 * that a line that is removed counts at once.
 */
export class TokenFile {
  readonly path: string;
  #lines: readonly Line[] = [];
  #version = "";

  /** Throws a `usage` or an `io` error for a file that is none, or that others may write to. */
  constructor(path: string) {
    this.path = path;
    this.#read();
    if (this.#lines.length > 0) return;
    throw new FledgeError("usage", `${path} has no tokens`, {
      hint: `fledge serve --tokens ${path} --new-token NAME adds one`,
    });
  }

  /** Whose token it is; undefined for none that is known. What is compared are digests, and all of them. */
  nameOf(token: string): string | undefined {
    this.#read();
    const digest = Buffer.from(sha256(token));
    let found: string | undefined;
    for (const line of this.#lines) if (timingSafeEqual(line.digest, digest)) found = line.name;
    return found;
  }

  #read(): void {
    try {
      const { mtimeMs, size, ino, mode } = statSync(this.path);
      const version = [mtimeMs, size, ino].join(":");
      if (version === this.#version) return;
      if ((mode & 0o022) !== 0) throw writable(this.path);
      this.#lines = parsed(readFileSync(this.path, "utf8"), this.path);
      this.#version = version;
    } catch (error) {
      this.#lines = [];
      this.#version = "";
      throw ioError(error, "read", this.path, {
        ifAbsent: `fledge serve --tokens ${this.path} --new-token NAME makes it`,
      });
    }
  }
}

/** Adds a token to a file, which is made when it is not there; returns it, which nobody can read there. */
export async function addToken(path: string, name: string): Promise<string> {
  if (!NAME.test(name)) {
    throw new FledgeError("usage", `"${name}" cannot be the name of a token`, { hint: "letters, digits, . _ @ and -" });
  }
  const lines = existing(path);
  if (lines.some((line) => line.name === name)) {
    throw new FledgeError("usage", `${path} has a token for "${name}"`, {
      hint: "remove its line first, or choose another name",
    });
  }
  const token = `fledge_${randomBytes(32).toString("base64url")}`;
  try {
    await appendFile(path, `${name} ${sha256(token)}\n`, { mode: 0o600, flush: true });
  } catch (error) {
    throw ioError(error, "write", path);
  }
  return token;
}

function existing(path: string): readonly Line[] {
  try {
    if (!lstatSync(path).isFile())
      throw new FledgeError("usage", `${path} is no file`, { hint: "name one for tokens" });
    return parsed(readFileSync(path, "utf8"), path);
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return [];
    throw ioError(error, "read", path);
  }
}

function parsed(text: string, path: string): Line[] {
  return text.split("\n").flatMap((line, index) => {
    if (line.trim() === "" || line.startsWith("#")) return [];
    const [, name = "", digest = ""] = /^(\S+) (sha256:[0-9a-f]{64})\s*$/.exec(line) ?? [];
    if (NAME.test(name)) return [{ name, digest: Buffer.from(digest) }];
    throw new FledgeError("usage", `line ${index + 1} of ${path} is no token`, {
      hint: "each line is NAME sha256:DIGEST, as fledge serve --new-token writes them",
    });
  });
}

function writable(path: string): FledgeError {
  return new FledgeError("usage", `others may write to ${path}, and so choose who may build`, {
    hint: `chmod 600 ${path}`,
  });
}
