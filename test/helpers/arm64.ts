import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Missing, requireRoot, requireTools } from "./requirements.ts";

/** What Debian has for guests of arm64, unpacked into a folder; this machine stays what it is. */
export type Arm64 = { readonly kernel: string; readonly busybox: string };

/** Why it cannot be had here. */
export function requireArm64(): Missing {
  return requireRoot() ?? requireTools("qemu-system-aarch64", "apt-get", "dpkg-deb", "depmod");
}

/** Fetched once, and kept beside other images of the tests'. */
export function arm64Parts(): Arm64 {
  const folder = join(tmpdir(), "fledge-real-images", "arm64");
  if (!existsSync(folder)) fetchInto(folder);
  const name = readdirSync(join(folder, "boot")).find((entry) => entry.startsWith("vmlinuz-")) ?? "";
  return { kernel: join(folder, "boot", name), busybox: join(folder, "bin/busybox") };
}

function fetchInto(folder: string): void {
  mkdirSync(join(folder, ".."), { recursive: true });
  const made = mkdtempSync(`${folder}.`);
  const apt = (...args: string[]) => {
    const lists = join(made, "lists");
    mkdirSync(join(lists, "partial"), { recursive: true });
    const options = [
      ...["APT::Architecture=arm64", "APT::Architectures=arm64", "APT::Sandbox::User=root"],
      ...[`Dir::State::Lists=${lists}`, `Dir::Cache=${join(made, "cache")}`],
    ];
    execFileSync("apt-get", [...options.map((option) => `-o${option}`), "-q", ...args], { cwd: made, stdio: "pipe" });
  };
  apt("update");
  apt("download", "linux-image-cloud-arm64", "busybox-static");
  const meta = debsIn(made).find((name) => name.startsWith("linux-image-cloud")) ?? "";
  const [, image = ""] = /(linux-image-\S+)/.exec(packageField(join(made, meta), "Depends")) ?? [];
  apt("download", image);
  const root = join(made, "root");
  for (const name of debsIn(made)) execFileSync("dpkg-deb", ["-x", join(made, name), root]);
  execFileSync("depmod", ["-b", root, image.replace("linux-image-", "")]);
  renameSync(root, folder);
  execFileSync("rm", ["-r", made]);
}

function debsIn(folder: string): string[] {
  return readdirSync(folder).filter((name) => name.endsWith(".deb"));
}

function packageField(path: string, name: string): string {
  return execFileSync("dpkg-deb", ["-f", path, name], { encoding: "utf8" });
}
