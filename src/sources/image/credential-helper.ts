import type { Env } from "../../lib/context.ts";
import { FledgeError } from "../../lib/errors.ts";
import { capture } from "../../lib/exec.ts";
import { requireTool } from "../../lib/tools.ts";
import { parseJson, stringOf } from "../oci/json.ts";
import type { Credentials } from "./credentials.ts";

const TIMEOUT_MS = 60_000;

/**
 * Asks `docker-credential-NAME get`, which reads the server's address and prints JSON. Undefined when it has nothing for
 * that server. Its output holds a secret and never gets into an error.
 */
export async function askHelper(
  name: string,
  server: string,
  env: Env,
  signal: AbortSignal,
): Promise<Credentials | undefined> {
  const program = `docker-credential-${name}`;
  if (!/^[\w.-]+$/.test(name)) throw new FledgeError("source", `"${name}" is not the name of a credential helper`);
  const path = requireTool(
    {
      name: program,
      reason: `log in to ${server}, as your Docker configuration says`,
      package: "docker-credential-helpers",
    },
    env,
  );
  const result = await capture(path, ["get"], { input: server, env, signal, timeoutMs: TIMEOUT_MS });
  if (result.failed) {
    // The protocol has no exit code for "nothing stored", only this text.
    if (/credentials not found/i.test(`${result.stdout}${result.stderr}`)) return undefined;
    const why = result.timedOut ? "it did not answer within a minute" : `exit code ${result.exitCode ?? "unknown"}`;
    throw new FledgeError("source", `${program} could not give the credentials for ${server}: ${why}`, {
      hint: `try it by hand: echo ${server} | ${program} get`,
    });
  }
  return credentialsFrom(result.stdout, program);
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
