import { expect, test } from "vitest";
import { hiddenMappings } from "../../../../src/guest/mappings/hidden.ts";

test.each([
  ["/tmp/seed.sql", "/tmp"],
  ["/run/app/state", "/run"],
  ["/dev/shm/x", "/dev"],
])("%s is hidden by the mount on %s", (to, mountPoint) => {
  const [warning] = hiddenMappings([{ from: "/x", to, key: 'mappings["x"]' }]);
  expect(warning?.message).toBe(
    `mappings["x"]: the guest will not see ${to}, since the init mounts a filesystem on ${mountPoint}`,
  );
});

test.each(["/tmpfiles/x", "/var/run", "/etc/tmp/x", "/device"])("%s is seen", (to) => {
  expect(hiddenMappings([{ from: "/x", to, key: "" }])).toEqual([]);
});
