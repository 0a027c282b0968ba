import { expect, test } from "vitest";
import { hiddenMappings } from "../../../../src/guest/mappings/apply.ts";

test.each([
  ["/tmp/seed.sql", "/tmp"],
  ["/run/app/state", "/run"],
  ["/dev/shm/x", "/dev"],
  ["/dev/shm", "/dev"],
  ["/run/", "/run"],
  ["/run", "/run"],
  ["//run/./", "/run"],
  ["/proc", "/proc"],
])("%s is hidden by the mount on %s", (to, mountPoint) => {
  const [warning] = hiddenMappings([{ from: "/x", to, key: 'mappings["x"]' }], "init");
  expect(warning?.message).toBe(
    `mappings["x"]: the guest will not see ${to}, since the init mounts a filesystem on ${mountPoint}`,
  );
});

test.each(["/tmpfiles/x", "/var/run", "/etc/tmp/x", "/device", "/runner", "/"])("%s is seen", (to) => {
  expect(hiddenMappings([{ from: "/x", to, key: "" }], "agent")).toEqual([]);
});
