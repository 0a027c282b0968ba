/** Where the agent is in a guest. */
export const AGENT_PATH = "/bin/kestrel";

/** Where BusyBox is in a guest. */
export const BUSYBOX_PATH = "/bin/busybox";

/** What the kernel starts from an initramfs. */
export const INIT_PATH = "/init";
