import type { Env } from "../lib/context.ts";
import { FledgeError } from "../lib/errors.ts";
import { capture } from "../lib/process/exec.ts";
import { requireTool } from "../lib/process/tools.ts";
import { parseJson, stringOf } from "./json.ts";

/** What a registry's token service or the registry itself is shown. An identity token stands for name and password. */
export type Credentials =
  | { readonly kind: "basic"; readonly username: string; readonly password: string }
  | { readonly kind: "identity"; readonly token: string }
  | { readonly kind: "bearer"; readonly token: string };

const TIMEOUT_MS = 60_000;

type HelperOptions = { readonly env: Env; readonly signal: AbortSignal; readonly timeoutMs?: number | undefined };

/**
 * Asks `docker-credential-NAME get`, which reads the server's address and prints JSON. Undefined when it has nothing for
 * that server. Throws a `tool` error where there is no such program, and a `source` error for one that fails. Its output
 * holds a secret and never gets into an error.
 */
export async function askHelper(
  name: string,
  server: string,
  { env, signal, timeoutMs = TIMEOUT_MS }: HelperOptions,
): Promise<Credentials | undefined> {
  const program = `docker-credential-${name}`;
  const instead = "install what it comes with";
  const path = requireTool({ name: program, reason: `log in to ${server}`, instead }, env);
  const result = await capture(path, ["get"], { input: server, env, signal, timeoutMs });
  if (!result.failed) return credentialsFrom(result.stdout, program);
  // The protocol has no exit code for "nothing stored", only this text.
  if (/credentials not found/i.test(`${result.stdout}${result.stderr}`)) return undefined;
  const why = result.timedOut
    ? `it did not answer within ${timeoutMs / 1000} s`
    : result.exitCode === undefined
      ? "it could not be run"
      : `exit code ${result.exitCode}`;
  throw new FledgeError("source", `${program} could not give the credentials for ${server}: ${why}`, {
    hint: `try it by hand: echo ${server} | ${program} get`,
  });
}

function credentialsFrom(stdout: string, program: string): Credentials | undefined {
  let username: string | undefined;
  let secret: string | undefined;
  try {
    const answer = parseJson(Buffer.from(stdout), program);
    username = stringOf(answer.Username);
    secret = stringOf(answer.Secret);
  } catch {
    throw new FledgeError("source", `${program} answered with something that is not JSON`);
  }
  if (!secret) return undefined;
  return username === "<token>"
    ? { kind: "identity", token: secret }
    : { kind: "basic", username: username ?? "", password: secret };
}
