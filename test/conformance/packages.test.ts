import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { inspectImage } from "../../src/inspect/inspect.ts";
import { openImage } from "../../src/inspect/open.ts";
import { run, withFolder } from "../helpers/disk.ts";
import { describeWith, requireRoot, requireTools } from "../helpers/requirements.ts";

const PARTS = 30;

/** Packages of every length of header: the text of each is longer than the last one's by more than half a page. */
function specOf(part: number): string {
  return `
Name: part-${part}
Version: 1.${part}
Release: 3
${part % 3 === 0 ? `Epoch: ${part}` : ""}
Summary: A part
License: MIT
BuildArch: noarch
%description
${"words ".repeat(part * 130)}
%files
`;
}

/** To build them takes longer than all else. */
let made = "";
beforeAll(() => {
  if (requireTools("rpmbuild") !== undefined) return;
  made = mkdtempSync(join(tmpdir(), "fledge-rpms-"));
  const specs = Array.from({ length: PARTS }, (_, part) => join(made, `${part}.spec`));
  for (const [part, spec] of specs.entries()) writeFileSync(spec, specOf(part));
  run("rpmbuild", ["-bb", "--quiet", "--define", `_topdir ${made}`, ...specs]);
});
afterAll(() => rmSync(made, { recursive: true, force: true }));

/** What a Fedora or an openSUSE has made of them, without their files; returns what rpm lists. */
function install(root: string, place: string): string {
  mkdirSync(join(root, place), { recursive: true });
  const database = ["--root", root, "--dbpath", `/${place}`];
  const rpms = readdirSync(join(made, "RPMS/noarch")).map((name) => join(made, "RPMS/noarch", name));
  run("rpm", [...database, "--install", "--force-debian", "--justdb", "--nodeps", "--noscripts", ...rpms]);
  return run("rpm", [...database, "-qa", "--qf", "%{NAME} %|EPOCH?{%{EPOCH}:}|%{VERSION}-%{RELEASE} %{ARCH}\\n"]);
}

describeWith("packages of rpm", [requireRoot(), requireTools("rpm", "rpmbuild", "mke2fs")], () => {
  test.each(["usr/lib/sysimage/rpm", "var/lib/rpm"])("as rpm lists them, in a disk, under %s", (place) =>
    withFolder(async (folder) => {
      const listed = install(join(folder, "root"), place);
      const image = join(folder, "image");
      run("mke2fs", ["-q", "-t", "ext4", "-d", join(folder, "root"), image, "64M"]);
      const reader = await openImage(image);
      const { packages, warnings } = inspectImage(reader);
      await reader.close();
      const found = packages.map(({ name, version, architecture }) => `${name} ${version} ${architecture}`);
      expect(found.sort()).toEqual(listed.trim().split("\n").sort());
      expect(found).toHaveLength(PARTS);
      expect(warnings).toEqual([]);
    }),
  );
});
