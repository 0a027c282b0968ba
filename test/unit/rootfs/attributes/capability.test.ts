import { expect, test } from "vitest";
import { encodeCapability } from "../../../../src/rootfs/attributes/capability.ts";

// Values as setcap(8) of libcap 2.66 stores them, read back with getfattr -e hex.
test.each([
  ["cap_net_bind_service+ep", "0100000200040000000000000000000000000000"],
  ["cap_net_bind_service=ep", "0100000200040000000000000000000000000000"],
  ["cap_setuid,cap_setgid=p", "00000002c0000000000000000000000000000000"],
  ["cap_checkpoint_restore,cap_chown+eip", "0100000201000000010000000001000000010000"],
  ["cap_chown=i cap_kill+i", "0000000200000000210000000000000000000000"],
])("%s", (text, hex) => {
  expect(Buffer.from(encodeCapability(text)).toString("hex")).toBe(hex);
});

test.each([
  ["cap_net_bind_servic+ep", /there is no "cap_net_bind_servic"/, 'did you mean "cap_net_bind_service"?'],
  ["net_raw+ep", /there is no "net_raw"/, /cap_net_raw/],
  ["cap_chown", /cannot read "cap_chown"/, /cap_net_bind_service\+ep/],
  ["cap_chown+p cap_kill+ep", /the effective flag is one for the whole file/, /all capabilities/],
])("%s is refused", (text, message, hint) => {
  expect(() => encodeCapability(text)).toThrow(
    expect.objectContaining({ message: expect.stringMatching(message), hint: expect.stringMatching(hint) }),
  );
});
