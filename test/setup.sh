#!/bin/sh
# Installs what the tests run, on Debian 12+ and Ubuntu 22.04+. Run it again at will: what is there already is kept.
set -eu

PACKAGES="
  attr busybox-static cpio e2fsprogs libcap2-bin lz4 shellcheck squashfs-tools util-linux xz-utils zstd
  qemu-system-x86 qemu-user-static
  apache2-utils buildah docker-registry mmdebstrap skopeo umoci
"
# Debian's, then Ubuntu's; the first that exists is the kernel of the guests that the tests boot.
KERNELS="linux-image-cloud-amd64 linux-image-kvm linux-image-virtual"

as_root() {
  if [ "$(id -u)" = 0 ]; then env DEBIAN_FRONTEND=noninteractive "$@"; else sudo DEBIAN_FRONTEND=noninteractive "$@"; fi
}

# The version of a package that is installed, or "(none)"; nothing for a package that apt does not know.
installed() { apt-cache policy "$1" 2>/dev/null | sed -n 's/^  Installed: //p'; }

# The version of a package that apt would install, likewise.
candidate() { apt-cache policy "$1" 2>/dev/null | sed -n 's/^  Candidate: //p'; }

is_installed() { [ -n "$(installed "$1")" ] && [ "$(installed "$1")" != "(none)" ]; }
is_available() { [ -n "$(candidate "$1")" ] && [ "$(candidate "$1")" != "(none)" ]; }

first_kernel() {
  for name in $KERNELS; do
    if is_available "$name"; then
      echo "$name"
      return
    fi
  done
}

all_installed() {
  for name in "$@"; do is_installed "$name" || return 1; done
}

# Ubuntu keeps kernels for root alone, and a test that boots one may run as anybody.
make_kernels_readable() {
  for kernel in /boot/vmlinuz-*; do
    if [ -e "$kernel" ] && [ ! -r "$kernel" ]; then as_root chmod a+r "$kernel"; fi
  done
}

kernel=$(first_kernel)
# shellcheck disable=SC2086 # A list of words.
if [ -z "$kernel" ] || ! all_installed $PACKAGES "$kernel"; then
  as_root apt-get update
  kernel=$(first_kernel)
  wanted=""
  for name in $PACKAGES $kernel; do
    if is_available "$name"; then wanted="$wanted $name"; else echo "test/setup.sh: no package $name here" >&2; fi
  done
  as_root apt-get install -y --no-install-recommends $wanted
fi
make_kernels_readable
