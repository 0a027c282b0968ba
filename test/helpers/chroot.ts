import { spawnSync } from "node:child_process";
import { withMount } from "./disk.ts";

type Workload = {
  readonly entrypoint: readonly string[];
  readonly env?: Readonly<Record<string, string>> | undefined;
  readonly workdir?: string | undefined;
};

const NAMESPACES = ["--mount", "--net", "--pid", "--ipc", "--fork", "--kill-child"];

const ENTER = `
  mount --rbind /dev "$1/dev"
  mount -t proc proc "$1/proc"
  exec chroot "$1" sh -uc "$2"
`;

/** Tries a command until it succeeds: the workload needs a moment to listen. */
const EVENTUALLY = `
  eventually() {
    tries=0
    until "$@" 2>/tmp/tried; do
      tries=$((tries + 1))
      if [ $tries -ge 120 ] || ! kill -0 $workload; then cat /tmp/tried; exit 1; fi
      sleep 0.5
    done
  }
`;

/**
 * Mounts a disk and runs its workload as the agent would, in namespaces of its own (there is a loopback interface but no
 * network); `check` runs beside it with `eventually COMMAND...`. Returns what both said. Needs root.
 */
export function runWorkload(disk: string, { entrypoint, env = {}, workdir = "/" }: Workload, check: string) {
  return withMount(disk, "rw", (folder) => {
    const exports = Object.entries(env).map(([name, value]) => `export ${name}=${quote(value)}\n`);
    const start = `(cd ${quote(workdir)}; exec ${entrypoint.map(quote).join(" ")}) 2>&1 &\nworkload=$!`;
    const script = `ip link set lo up\n${exports.join("")}${start}\n${EVENTUALLY}${check}`;
    const { status, stdout, stderr } = spawnSync("unshare", [...NAMESPACES, "sh", "-ec", ENTER, "sh", folder, script], {
      encoding: "utf8",
      timeout: 120_000,
    });
    if (status !== 0) throw new Error(`the check ended with ${status}:\n${stdout}${stderr}`);
    return stdout;
  });
}

function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
