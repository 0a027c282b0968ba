import { rmSync } from "node:fs";
import { afterAll, beforeAll, expect, it } from "vitest";
import { renderInit } from "../../src/guest/init/init.ts";
import { bootGuest, type GuestResult, requireBoot } from "../helpers/guest.ts";
import { type GuestFile, script, writeInitramfs } from "../helpers/initramfs.ts";
import { describeWith, requireRoot, requireTools } from "../helpers/requirements.ts";

type Guest = {
  readonly run: string;
  readonly how: "exec" | "child";
  readonly files: Readonly<Record<string, GuestFile>>;
  readonly append?: string;
  /** A change to the script, to reach what this kernel never does. */
  readonly edit?: (init: string) => string;
};

async function boot(guest: Guest): Promise<GuestResult> {
  const init = renderInit(guest);
  const archive = writeInitramfs({ "/init": { text: guest.edit?.(init) ?? init, mode: 0o755 }, ...guest.files });
  try {
    return await bootGuest({ initrd: archive.path, append: `quiet ${guest.append ?? ""}` });
  } finally {
    rmSync(archive.folder, { recursive: true });
  }
}

/** The lines of the script itself, without the copies that the kernel's log shows. */
function initLines({ console }: GuestResult): string[] {
  return console.split("\n").filter((line) => line.startsWith("fledge-init: "));
}

const SHOW_GUEST = script(`
echo "pid $$"
echo "hostname $(hostname)"
echo "lo $(cat /sys/class/net/lo/flags)"
echo "env PATH=$PATH HOME=$HOME"
echo "cwd $PWD"
while read -r type target kind options rest; do echo "mount $target $kind $options"; done < /proc/mounts
for path in /tmp /run /dev/shm /dev/pts; do stat -c 'mode %a %n' $path; done
for path in null ptmx kmsg console; do stat -c "node $path %t:%T %a" /dev/$path; done
readlink /dev/stdin; readlink /dev/fd
echo "panic $(cat /proc/sys/kernel/panic)"
`);

describeWith("the guest's init", [requireBoot(), requireTools("busybox", "cpio"), requireRoot()], () => {
  it("exec: mounts everything and hands PID 1 to the program, whose end restarts the guest", async () => {
    const result = await boot({
      run: "/opt/it's my/app",
      how: "exec",
      append: "volant.plugin=web volant.x=* panic=0",
      files: { "/opt/it's my/app": SHOW_GUEST },
    });
    expect(result.console).toContain("pid 1\nhostname web\nlo 0x9\n");
    expect(result.console).toContain(
      "env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root\ncwd /\n",
    );
    for (const mount of [
      /mount \/proc proc rw,nosuid,nodev,noexec,/,
      /mount \/sys sysfs rw,nosuid,nodev,noexec,/,
      /mount \/dev devtmpfs rw,nosuid,/,
      /mount \/dev\/pts devpts rw,nosuid,noexec,relatime,gid=5,mode=620,ptmxmode=666/,
      /mount \/dev\/shm tmpfs rw,nosuid,nodev,/,
      /mount \/tmp tmpfs rw,nosuid,nodev,/,
      /mount \/run tmpfs rw,nosuid,nodev,/,
    ]) {
      expect(result.console.match(new RegExp(mount, "g"))).toHaveLength(1);
    }
    expect(result.console).toContain("mode 1777 /tmp\nmode 755 /run\nmode 1777 /dev/shm\nmode 755 /dev/pts\n");
    expect(result.console).toContain("node null 1:3 666\n");
    expect(result.console).toContain("panic 1\n");
    expect(result.console).toContain("Attempted to kill init!");
    expect(result).toMatchObject({ poweredOff: false });
  });

  it("child: gives the program a terminal, reaps orphans, says how it ended and powers off", async () => {
    const app = script(`
echo "pid is one: $([ $$ = 1 ] && echo yes || echo no)"
echo "on the terminal" > /dev/tty
( sleep 0.2 & ); sleep 1; echo "zombies: $(ps -o stat | grep -c Z)"
sh -c 'kill -INT $$; echo "SIGINT was ignored"'
echo done
`);
    const result = await boot({ run: "/app", how: "child", files: { "/app": app } });
    expect(result.console).toContain("pid is one: no\non the terminal\nzombies: 0\n");
    expect(result.console).not.toContain("SIGINT was ignored");
    expect(initLines(result)).toEqual(["fledge-init: /app exited with status 0; powering off"]);
    expect(result).toMatchObject({ poweredOff: true });
  });

  it("child: tells a failure from a signal, and goes on without a mount that is not vital", async () => {
    const [failed, killed] = await Promise.all([
      boot({ run: "/app", how: "child", files: { "/app": script("exit 3"), "/run": { text: "", mode: 0o644 } } }),
      boot({ run: "/app", how: "child", files: { "/app": script("kill -KILL $$") } }),
    ]);
    expect(initLines(failed)).toEqual([
      "fledge-init: cannot mount tmpfs on /run; going on without it",
      "fledge-init: /app exited with status 3; powering off",
    ]);
    expect(initLines(killed)).toEqual(["fledge-init: /app was killed by signal 9; powering off"]);
    expect([failed.poweredOff, killed.poweredOff]).toEqual([true, true]);
  });

  it("mounts once what is a link", async () => {
    const files = {
      "/app": SHOW_GUEST,
      "/run": { link: "var/here" },
      "/var/here/old": script(""),
      "/tmp": { link: "run" },
    };
    const result = await boot({ run: "/app", how: "child", files });
    expect(result.console.match(/^mount \/var\/here tmpfs/gm)).toHaveLength(1);
    expect(initLines(result)).toEqual(["fledge-init: /app exited with status 0; powering off"]);
  });

  it("makes the basic devices itself on a kernel without devtmpfs", async () => {
    const result = await boot({
      run: "/app",
      how: "child",
      files: { "/app": SHOW_GUEST },
      edit: (init) => init.replaceAll("devtmpfs", "nodevtmpfs"),
    });
    expect(result.console).toContain("node null 1:3 666\nnode ptmx 5:2 666\nnode kmsg 1:b 644\nnode console 5:1 600\n");
    expect(result.console).toContain("/proc/self/fd/0\n/proc/self/fd\n");
    expect(result.console).toMatch(/mount \/dev tmpfs/);
    expect(initLines(result)).toEqual(["fledge-init: /app exited with status 0; powering off"]);
  });
});

type Failure = Guest & { readonly title: string; readonly says: string };

const FAILURES: readonly Failure[] = [
  { title: "no program", run: "/bin/kestrel", how: "exec", files: {}, says: "/bin/kestrel does not exist" },
  {
    title: "a program that is not executable",
    run: "/app",
    how: "child",
    files: { "/app": { text: "#!/bin/sh\n", mode: 0o644 } },
    says: "/app is not executable",
  },
  {
    title: "a script without its interpreter",
    run: "/app",
    how: "exec",
    files: { "/app": { text: "#!/usr/bin/python3 -E\n", mode: 0o755 } },
    says: "/usr/bin/python3, the interpreter of /app, does not exist",
  },
  {
    title: "a script with Windows line ends",
    run: "/app",
    how: "child",
    files: { "/app": { text: "#!/bin/sh\r\necho hello\r\n", mode: 0o755 } },
    says: "/app has Windows line ends, its #! line too",
  },
  {
    title: "a file that no kernel runs",
    run: "/app",
    how: "exec",
    files: { "/app": { text: "echo never", mode: 0o755 } },
    says: "/app is neither an ELF program nor a script that begins with #!",
  },
  {
    title: "a program for another machine",
    run: "/app",
    how: "exec",
    files: { "/app": { host: "/bin/busybox", mode: 0o755, patch: (elf) => elf.writeUInt16LE(0xb7, 18) } },
    says: "/app is built for another machine (arm64) than this guest (x86_64)",
  },
  {
    title: "a dynamic program without its loader, as PID 1",
    run: "/app",
    how: "exec",
    files: { "/app": { host: "/bin/ls", mode: 0o755 } },
    says: "the loader /lib64/ld-linux-x86-64.so.2 that /app needs does not exist",
  },
  {
    title: "a dynamic program without its loader, as a child",
    run: "/app",
    how: "child",
    files: { "/app": { host: "/bin/cat", mode: 0o755 } },
    says: "the loader /lib64/ld-linux-x86-64.so.2 that /app needs does not exist",
  },
  {
    title: "a mount point that is a file",
    run: "/app",
    how: "exec",
    files: { "/app": script("echo never"), "/sys": { text: "", mode: 0o644 } },
    says: "cannot mount sysfs on /sys",
  },
  {
    title: "a BusyBox without an applet that is needed",
    run: "/app",
    how: "exec",
    files: { "/app": script("echo never") },
    edit: (init) => init.replace("bb mkdir -p", "bb no-such-applet"),
    says: "cannot mount proc on /proc",
  },
];

describeWith("the guest's init when it fails", [requireBoot(), requireTools("busybox", "cpio"), requireRoot()], () => {
  const results = new Map<Failure, GuestResult>();

  beforeAll(async () => {
    const queue = [...FAILURES];
    const worker = async () => {
      for (let failure = queue.shift(); failure !== undefined; failure = queue.shift()) {
        results.set(failure, await boot(failure));
      }
    };
    await Promise.all([worker(), worker()]);
  });
  afterAll(() => results.clear());

  it.each(FAILURES)("$title: says so and powers off", (failure) => {
    const result = results.get(failure);
    if (result === undefined) throw new Error("the guest was not booted");
    expect(initLines(result)).toEqual([`fledge-init: ${failure.says}; powering off`]);
    expect(result.console).toMatch(/\[ +[\d.]+\] fledge-init: /); // the kernel's log has it too
    expect(result).toMatchObject({ poweredOff: true });
    expect(result.console).not.toContain("never");
  });
});
