import type { ManifestInput } from "./input.ts";
import type { Port } from "./ports.ts";
import { choose, type Report } from "./report.ts";
import type { Manifest } from "./schema.ts";
import { sortedRecord } from "./sorted.ts";

/** The service's address when nothing gives a port. */
const FALLBACK_BASE_URL = "http://127.0.0.1:8080";

/** What runs in the guest: the config's values, else the image's, else the defaults. */
export function renderWorkload(input: ManifestInput, ports: readonly Port[], report: Report): Manifest["workload"] {
  const { image } = input;
  if (image?.user !== undefined && !/^(?:root|0)?(?::(?:root|0)?)?$/.test(image.user)) {
    report.warnings.push({
      message: `the image's User "${image.user}" is not honoured: the agent runs the workload as root`,
      hint: "switch users in the entrypoint, with setpriv or su-exec, if it must not be root",
    });
  }
  return {
    type: "http",
    base_url: resolveBaseUrl(input, ports, report),
    entrypoint: withProgram(resolveEntrypoint(input, report), input, report),
    env: resolveEnv(input, report),
    workdir: resolveWorkdir(input, report),
  };
}

/**
 * The command with the path of its program instead of the name: on a disk the agent has no PATH, and looks a bare name
 * up before it sets the workload's environment.
 */
function withProgram(words: readonly string[], { found }: ManifestInput, report: Report): string[] {
  const first = words.findIndex((word) => word.trim() !== "");
  const program = found?.program;
  if (first > 0) {
    const what = first === 1 ? "an empty word" : `${first} empty words`;
    report.warnings.push({ message: `workload.entrypoint begins with ${what}, which Volant drops: left out` });
  }
  if (program === undefined || first < 0) return [...words];
  const [name = "", ...args] = words.slice(first);
  if (name !== program) {
    const how = name.includes("/") ? "from workload.workdir" : `on the PATH of ${found?.path.origin}`;
    report.notes.push({ key: "workload.entrypoint[0]", origin: `"${name}", which is ${program} ${how}` });
  }
  return [program, ...args];
}

function resolveWorkdir({ options, image, found, defaults }: ManifestInput, report: Report): string | undefined {
  const chosen = choose(report, "workload.workdir", [
    [options?.workload?.workdir, "manifest.workload.workdir"],
    [image?.workdir === "" ? undefined : image?.workdir, "the image's WorkingDir"],
    [defaults?.workdir, "the default"],
  ]);
  const placed = found?.workdir;
  if (chosen === undefined || placed === undefined || chosen === placed) return chosen;
  report.warnings.push({
    message: `workload.workdir ${JSON.stringify(chosen)} is written as ${placed}, which is where the agent takes it to lead`,
  });
  return placed;
}

/**
 * Docker's rules: an entrypoint of the config drops the image's Cmd, args alone replace it
 * (https://docs.docker.com/reference/dockerfile/#understand-how-cmd-and-entrypoint-interact).
 */
export function resolveEntrypoint(
  { options = {}, image, defaults }: Pick<ManifestInput, "options" | "image" | "defaults">,
  report: Report,
): string[] {
  const { workload } = options;
  warnOfTwo("entrypoint", workload?.entrypoint, options.entrypoint, report);
  warnOfTwo("args", workload?.args, options.args, report);
  const note = (origin: string) => report.notes.push({ key: "workload.entrypoint", origin });

  const program = workload?.entrypoint ?? options.entrypoint;
  const args = workload?.args ?? options.args;
  const argsOrigin = workload?.args === undefined ? "manifest.args" : "manifest.workload.args";
  if (program !== undefined) {
    const origin = workload?.entrypoint === undefined ? "manifest.entrypoint" : "manifest.workload.entrypoint";
    const dropped = args === undefined && image !== undefined && image.cmd.length > 0;
    note(`${origin}${args ? ` and ${argsOrigin}` : ""}${dropped ? "; the image's Cmd is dropped, as by Docker" : ""}`);
    return [...(typeof program === "string" ? [program] : program), ...(args ?? [])];
  }

  const { words, origin } = inherited({ image, defaults }, args, argsOrigin);
  if (words.length > 0) note(origin);
  return words;
}

/** The command when the config names no program: the image's, else the default, with the config's args if any. */
function inherited(
  { image, defaults }: Pick<ManifestInput, "image" | "defaults">,
  args: readonly string[] | undefined,
  argsOrigin: string,
): { words: string[]; origin: string } {
  const { entrypoint = [], cmd = [] } = image ?? {};
  const ofImage = entrypoint.length + cmd.length > 0;
  const program = ofImage ? entrypoint : (defaults?.entrypoint ?? []);
  const rest = args ?? cmd;
  const programOrigin = program.length === 0 ? [] : [ofImage ? "the image's Entrypoint" : "the default"];
  const cmdOrigin = entrypoint.length === 0 ? "the image's Cmd" : "Cmd";
  const restOrigin = rest.length === 0 ? [] : [args === undefined ? cmdOrigin : argsOrigin];
  return { words: [...program, ...rest], origin: [...programOrigin, ...restOrigin].join(" and ") };
}

function warnOfTwo(key: string, inner: unknown, outer: unknown, report: Report): void {
  if (inner === undefined || outer === undefined) return;
  report.warnings.push({
    message: `manifest.${key} is ignored: manifest.workload.${key} wins`,
    hint: `remove one of them`,
  });
}

function resolveEnv(
  { options = {}, image, defaults }: ManifestInput,
  report: Report,
): Record<string, string> | undefined {
  const layers = [
    { env: defaults?.env, origin: "the defaults" },
    { env: image?.env, origin: "the image's Env" },
    { env: options.env, origin: "manifest.env" },
    { env: options.workload?.env, origin: "manifest.workload.env" },
  ].filter(({ env }) => env !== undefined && Object.keys(env).length > 0);
  if (layers.length === 0) return undefined;
  report.notes.push({ key: "workload.env", origin: layers.map(({ origin }) => origin).join(", then ") });
  return sortedRecord(Object.fromEntries(layers.flatMap(({ env }) => Object.entries(env ?? {}))));
}

function resolveBaseUrl({ options = {}, defaults }: ManifestInput, ports: readonly Port[], report: Report): string {
  const tcp = ports.find(({ protocol }) => protocol === "tcp");
  const chosen = choose(report, "workload.base_url", [
    [options.workload?.baseUrl, "manifest.workload.baseUrl"],
    [tcp && `http://127.0.0.1:${tcp.port}`, "the first exposed TCP port"],
    [defaults?.baseUrl, "the default"],
  ]);
  if (chosen !== undefined) return chosen;
  report.notes.push({ key: "workload.base_url", origin: "a guess" });
  report.warnings.push({
    message: `nothing says where the workload listens: workload.base_url is a guess, ${FALLBACK_BASE_URL}`,
    hint: 'manifest: { workload: { baseUrl: "http://127.0.0.1:PORT" } }',
  });
  return FALLBACK_BASE_URL;
}
