/** The descriptor through which QEMU is asked and told things: a socket without a name, so that none is left. */
export const QMP_FD = 3;

/** That of the guest's serial port of virtio, where it has one. */
export const CHANNEL_FD = 4;
