import { isAbsolute } from "node:path";
import { FledgeError } from "../../lib/errors.ts";

/** Where a service is. */
export type Address = {
  /** As it was written. */
  readonly text: string;
  /** Without a slash at its end. */
  readonly base: string;
  readonly socketPath?: string;
  /** Whether what is sent there passes others' machines as it is. */
  readonly isOpen: boolean;
};

/** `https://host`, `http://host:port` or `unix:///path`. Throws a `usage` error. */
export function parseAddress(text: string): Address {
  const [, path] = /^unix:(?:\/\/)?(.*)$/.exec(text) ?? [];
  if (path !== undefined && isAbsolute(path))
    return { text, base: "http://localhost", socketPath: path, isOpen: false };
  const url = path === undefined && URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.username !== "") {
    throw new FledgeError("usage", `--remote "${text}" is no address of a service`, {
      hint: "write https://HOST, http://HOST:PORT or unix:///PATH/OF/fledge.sock; the token goes into FLEDGE_TOKEN",
    });
  }
  const isLoopback = url.hostname === "localhost" || url.hostname === "[::1]" || url.hostname.startsWith("127.");
  return {
    text,
    base: url.href.replace(/[?#].*$/, "").replace(/\/+$/, ""),
    isOpen: url.protocol === "http:" && !isLoopback,
  };
}
