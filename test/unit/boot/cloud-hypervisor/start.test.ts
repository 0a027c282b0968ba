import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect, test, vi } from "vitest";
import { cloudHypervisorArgs } from "../../../../src/boot/cloud-hypervisor/argv.ts";
import { cloudHypervisor } from "../../../../src/boot/cloud-hypervisor/index.ts";
import type { MachineSpec } from "../../../../src/boot/contract.ts";
import { tempDir } from "../../../helpers/temp.ts";

const SPEC: MachineSpec = {
  ...{ board: "q35", kernel: "/k", initramfs: "/i", commandLine: "console=ttyS0 quiet", memoryMb: 256, cpus: 2 },
  ...{ forwards: [], hasChannel: false, disk: { path: "/a,b.img", isKept: true } },
};

/**
 * Cloud Hypervisor cannot be had where this is tested: in its place something that writes down how it was started and what
 * it was asked, and says what the guest would.
 */
const FAKE = `#!/usr/bin/env node
const { createServer } = require("node:http");
const { appendFileSync } = require("node:fs");
const record = (entry) => appendFileSync(process.env.RECORD, JSON.stringify(entry) + "\\n");
record(process.argv.slice(2));
if (process.argv.includes("--help")) { console.log(process.env.HELP); process.exit(0); }
if (process.env.REFUSES) { console.error("Error booting VM: " + process.env.REFUSES); process.exit(1); }
const socket = process.argv[process.argv.indexOf("--api-socket") + 1].replace("path=", "");
let asked = 0;
createServer((request, response) => {
  record(request.method + " " + request.url);
  if (request.url === "/api/v1/vmm.shutdown") { response.writeHead(204).end(); process.exit(0); }
  response.end(JSON.stringify({ state: asked++ === 0 ? "Created" : "Running" }));
  if (asked === 2) {
    process.stdout.write(process.env.SAYS.replaceAll("|", "\\r\\n"));
    if (process.env.ENDS) setTimeout(() => process.exit(0), 100);
  }
}).listen(socket);
`;

function fake(env: Record<string, string>) {
  const folder = tempDir();
  const program = join(folder, "cloud-hypervisor");
  writeFileSync(program, FAKE, { mode: 0o755 });
  const record = join(folder, "record");
  vi.stubEnv("TMPDIR", folder);
  const stopper = new AbortController();
  const around = {
    ...{ signal: stopper.signal, cacheDir: folder },
    env: { ...process.env, PATH: `${folder}:${process.env.PATH}`, RECORD: record, SAYS: "", HELP: "", ...env },
  };
  return {
    ...{ folder, stopper, around, program },
    start: () => cloudHypervisor.start(SPEC, { program, accelerator: "kvm", wantsImageType: true }, around),
    recorded: () =>
      readFileSync(record, "utf8")
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line)),
    leftovers: () => readdirSync(folder).filter((name) => name.startsWith("fledge-boot-")),
  };
}

afterEach(() => vi.unstubAllEnvs());

test("its arguments", () => {
  expect(cloudHypervisorArgs(SPEC, { wantsImageType: true }, "/s")).toEqual([
    ...["--api-socket", "path=/s", "--kernel", "/k", "--initramfs", "/i", "--cmdline", "console=ttyS0 quiet"],
    ...["--cpus", "boot=2", "--memory", "size=256M", "--disk", 'path="/a,b.img",image_type=raw'],
    ...["--serial", "tty", "--console", "off"],
  ]);
  const { disk: _, initramfs: _i, ...bare } = SPEC;
  expect(cloudHypervisorArgs(bare, {}, "/s")).not.toContain("--disk");
  expect(cloudHypervisorArgs(SPEC, {}, "/s")).toContain('path="/a,b.img"');
});

test("a guest that powers off by itself", async () => {
  const { start, recorded, leftovers } = fake({ SAYS: "hello|from the guest|", ENDS: "1" });
  const machine = await start();
  expect(await machine.exited).toEqual({ exit: "poweroff" });
  expect(machine.console.lines).toEqual(["hello", "from the guest"]);
  expect(recorded()).toEqual([machine.command.slice(1), "GET /api/v1/vm.info", "GET /api/v1/vm.info"]);
  expect(leftovers()).toEqual([]);
});

test("a guest that is stopped is told so by the API, and leaves nothing", async () => {
  const { start, recorded, leftovers } = fake({ SAYS: "hello|" });
  const machine = await start();
  await machine.stop();
  expect(await machine.exited).toEqual({ exit: "stopped" });
  expect(recorded().at(-1)).toBe("PUT /api/v1/vmm.shutdown");
  expect(leftovers()).toEqual([]);
});

test("an abort ends it", async () => {
  const { start, stopper, leftovers } = fake({ SAYS: "hello|" });
  const machine = await start();
  stopper.abort();
  expect(await machine.exited).toEqual({ exit: "stopped" });
  expect(leftovers()).toEqual([]);
});

test("a panic ends it, before the guest is started again", async () => {
  const { start } = fake({ SAYS: "Kernel panic - not syncing: no root|" });
  const machine = await start();
  expect(await machine.exited).toEqual({ exit: "panic" });
  expect(machine.console.panic).toBe("Kernel panic - not syncing: no root");
});

test("what it refuses is said in its words; ports are named as what it has not", async () => {
  const refused = fake({ REFUSES: "no such kernel" });
  await expect(refused.start()).rejects.toThrow(
    "Cloud Hypervisor did not start the guest: Error booting VM: no such kernel",
  );
  expect(refused.leftovers()).toEqual([]);
  const { start } = fake({ SAYS: "hello|" });
  const machine = await start();
  await expect(machine.accepts(80)).rejects.toThrow("has no network here");
  await machine.stop();
});

test.runIf(existsSync("/dev/kvm"))("whether it wants to be told that a disk is raw is in its help", async () => {
  for (const [HELP, wantsImageType] of [
    ["--disk path=,image_type=", true] as const,
    ["--disk path=", false] as const,
  ]) {
    const { program, around } = fake({ HELP });
    expect(await cloudHypervisor.probe({ path: "/k", architecture: "amd64" }, around)).toEqual({
      ...{ program, accelerator: "kvm", wantsImageType },
    });
  }
  const { around } = fake({});
  const nowhere = { ...around, env: { PATH: "/nowhere" } };
  await expect(cloudHypervisor.probe({ path: "/k", architecture: "amd64" }, nowhere)).rejects.toThrow(
    "cloud-hypervisor not found",
  );
});
