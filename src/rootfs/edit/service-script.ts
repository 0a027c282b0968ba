import { FledgeError } from "../../lib/errors.ts";
import { formatEnv, shellQuote } from "./env.ts";

/** What the script of `serviceScript` starts, and how. */
export type ServiceOptions = {
  /** The program and its arguments, as they are: no shell looks at them. */
  readonly command: readonly [string, ...string[]];
  /** Environment variables on top of those that the script is started with. */
  readonly env?: Readonly<Record<string, string | number | boolean>>;
  /** The folder that it runs in; that of who starts the script unless given. */
  readonly workdir?: string;
  /**
   * Who runs it, by name; who starts the script unless given. The script, which must then be started by root, takes the
   * first of setpriv (util-linux), chpst, setuidgid and su (BusyBox's too) that can do it, and fails when none can.
   */
  readonly user?: string;
  /** Whether it is started again when it has ended. "never", the default, replaces the script by the program. */
  readonly restart?: "never" | "on-failure" | "always";
  /** The pause before that, in seconds. Default 1. */
  readonly delaySec?: number;
};

/**
 * A script for the guest's `sh` (BusyBox's too) that runs a service where there is no systemd: an init's child, or the
 * manifest's entrypoint. SIGTERM, SIGINT and SIGHUP end the service, and then the script, with the service's status.
 * Write it with mode 0755.
 */
export function serviceScript(options: ServiceOptions): string {
  const { command, env = {}, workdir, user, restart = "never", delaySec = 1 } = options;
  check(options);
  return [
    "#!/bin/sh",
    formatEnv(env, { export: true }).trimEnd(),
    workdir === undefined ? "" : `cd -- ${shellQuote(workdir === "-" ? "./-" : workdir)} || exit 1`,
    `set -- ${command.map(shellQuote).join(" ")}`,
    user === undefined ? "" : asUser(user),
    restart === "never" ? 'exec "$@"' : supervised(command[0], restart, delaySec),
    "",
  ]
    .filter((part, index, all) => part !== "" || index === all.length - 1)
    .join("\n");
}

/** Each way is tried on `true` first: BusyBox has a setpriv too, which cannot change the user. */
function asUser(user: string): string {
  return `user=${shellQuote(user)}
if [ "$(id -u)" != "$(id -u "$user" 2>/dev/null)" ]; then
  if setpriv --reuid="$(id -u "$user")" --regid="$(id -g "$user")" --init-groups true 2>/dev/null; then
    set -- setpriv --reuid="$(id -u "$user")" --regid="$(id -g "$user")" --init-groups "$@"
  elif chpst -u "$user" true 2>/dev/null; then
    set -- chpst -u "$user" "$@"
  elif setuidgid "$user" true 2>/dev/null; then
    set -- setuidgid "$user" "$@"
  elif su -s /bin/sh "$user" -c true 2>/dev/null; then
    # shellcheck disable=SC2016 # The shell that su starts puts the command in.
    set -- su -s /bin/sh "$user" -c 'exec "$0" "$@"' -- "$@"
  else
    echo "$0: cannot become $user: no such user, not started by root, or none of setpriv, chpst, setuidgid, su" >&2
    exit 126
  fi
fi`;
}

function supervised(program: string, restart: "on-failure" | "always", delaySec: number): string {
  return `service=${shellQuote(program)}
child=
stopping=
trap 'stopping=1; [ -z "$child" ] || kill -TERM "$child" 2>/dev/null' TERM INT HUP

# In the background, so that a signal is heard at once.
run() {
  "$@" &
  child=$!
  if [ -n "$stopping" ]; then kill -TERM "$child" 2>/dev/null; fi
  wait "$child"
  status=$?
  # A signal ends wait before the child ends.
  while [ -n "$stopping" ] && kill -0 "$child" 2>/dev/null; do
    wait "$child"
    status=$?
  done
  if [ -n "$stopping" ]; then exit "$status"; fi
}

while :; do
  run "$@"${restart === "on-failure" ? '\n  if [ "$status" = 0 ]; then exit 0; fi' : ""}
  echo "$service: ended with status $status; starting again in ${delaySec} s" >&2
  run sleep ${delaySec}
done`;
}

function check({ command, workdir, user, delaySec }: ServiceOptions): void {
  const texts = [...command, workdir ?? "/", user ?? "root"];
  if (command.length === 0 || command[0] === "" || texts.some((text) => text.includes("\0"))) {
    throw new FledgeError("rootfs", "a service needs a command, without NUL bytes", {
      hint: 'command: ["/usr/bin/app", "--port", "8080"]',
    });
  }
  if (delaySec !== undefined && !(Number.isInteger(delaySec) && delaySec >= 0)) {
    throw new FledgeError("rootfs", `delaySec of a service is a whole number of seconds, not ${delaySec}`);
  }
}
