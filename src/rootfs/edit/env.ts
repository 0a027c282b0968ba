import { FledgeError } from "../../lib/errors.ts";

/** How `formatEnv` writes a variable. */
export type EnvFileOptions = {
  /** Begin each line with `export `, for scripts that read the file with `.`; systemd does not take it. Default false. */
  readonly export?: boolean;
};

/**
 * An env file: `NAME='value'` per line, in the order of the object, quoted so that a POSIX shell (`. file`) and systemd
 * (EnvironmentFile=) read the very values. `docker --env-file` knows no quotes: it takes such a file only where no value
 * needs them. Throws a `rootfs` error for a name that no shell takes and for a NUL byte.
 */
export function formatEnv(
  values: Readonly<Record<string, string | number | boolean>>,
  options: EnvFileOptions = {},
): string {
  const prefix = options.export ? "export " : "";
  const lines = Object.entries(values).map(([name, value]) => {
    if (!/^[A-Za-z_]\w*$/.test(name)) {
      throw new FledgeError("rootfs", `${JSON.stringify(name)} is not a name for an environment variable`, {
        hint: "use letters, digits and _, and no digit first",
      });
    }
    const text = String(value);
    if (text.includes("\0")) throw new FledgeError("rootfs", `the value of ${name} holds a NUL byte`);
    return `${prefix}${name}=${shellQuote(text)}\n`;
  });
  return lines.join("");
}

/** One word of a POSIX shell that stands for the text, byte for byte. */
export function shellQuote(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : singleQuoted(text);
}

/** Nothing is special to a shell between single quotes but the single quote. */
export function singleQuoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
