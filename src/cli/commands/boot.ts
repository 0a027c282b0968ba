import type { BootCommandArgs } from "../boot.ts";
import type { Command } from "../commands.ts";
import { BOOT_FLAGS, LOCK_FLAGS, MACHINE_FLAGS, READING_FLAGS, RUN_FLAGS } from "../flags.ts";

const { filter: _filter, ...RECIPE } = READING_FLAGS;

export const boot: Command = {
  meta: { name: "boot", description: "Boot a plugin on this machine, under QEMU, with its console here" },
  args: {
    ...RECIPE,
    targets: {
      ...RECIPE.targets,
      valueHint: "NAME|DIR|FILE",
      description: "Plugin, folder or config to build and boot; or an artifact or a manifest to boot as it is",
    },
    ...BOOT_FLAGS,
    ...MACHINE_FLAGS,
    keep: { type: "boolean", description: "Write to the disk itself instead of a copy that is thrown away" },
    timeout: { type: "string", valueHint: "TIME", description: "Stop the guest after 90s, 5m, ...; exits 1 then" },
    print: { type: "boolean", description: "Print the command that would run, build and boot nothing" },
    ...LOCK_FLAGS,
    ...RUN_FLAGS,
  },
  examples: [
    ["", "the plugin of the config in this folder; Ctrl-C ends it"],
    ["web --forward 8080:80", "then curl http://127.0.0.1:8080/"],
    ["web-rootfs.img --memory 512 --timeout 90s", "an artifact beside its manifest"],
    ["--kernel ./bzImage", "with Volant's own kernel, from one of its releases"],
    ["--print", "QEMU's command line"],
    ["--json | jq -r 'select(.type == \"boot:console\").line'", "for scripts"],
  ],
  run: async ({ args }) => {
    const { runBoot } = await import("../boot.ts");
    return await runBoot(args as unknown as BootCommandArgs);
  },
};
