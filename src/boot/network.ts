/** What QEMU's user network gives the first guest on it (slirp's defaults). */
export const GUEST_NETWORK = { address: "10.0.2.15", gateway: "10.0.2.2", mask: "255.255.255.0" } as const;
