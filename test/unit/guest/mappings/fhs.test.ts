import { expect, test } from "vitest";
import { modeByPlace } from "../../../../src/guest/mappings/apply.ts";

test.each([
  ["/usr/bin/app", false, 0o755],
  ["/sbin/tool", false, 0o755],
  ["/opt/app/bin/data.txt", false, 0o755],
  ["/usr/lib/libz.so.1.2.13", false, 0o755],
  ["/lib64/ld-linux-x86-64.so.2", false, 0o755],
  ["/usr/lib/python3/site.py", false, 0o644],
  ["/srv/libz.so", false, 0o644],
  ["/usr/libs/libz.so", false, 0o644],
  ["/etc/app.conf", false, 0o644],
  ["/etc/init.d/run", true, 0o755],
  ["/binary/x", false, 0o644],
  ["/bin", false, 0o644],
])("%s (executable: %s)", (path, isExecutable, mode) => {
  expect(modeByPlace(path, { isDir: false, isExecutable })).toBe(mode);
});

test("a folder is 0755", () => {
  expect(modeByPlace("/etc/app", { isDir: true, isExecutable: true })).toBe(0o755);
});
