#!/bin/sh
# Installs what the tests run, on Debian 12+ and Ubuntu 22.04+. Run it again at will: what is there already is kept.
# shellcheck disable=SC2046,SC2086 # Lists of package names are split into words.
set -eu

PACKAGES="
  attr binutils btrfs-progs busybox-static bzip2 chromium cpio e2fsprogs fish gcc kmod libarchive-tools libc6-dev libcap2-bin lz4 openssl passwd rpm shellcheck squashfs-tools squashfs-tools-ng time util-linux xfsprogs xz-utils zsh zstd
  qemu-system-arm qemu-system-x86 qemu-user-static
  apache2-utils bsdutils buildah crun docker-registry mmdebstrap podman postgresql python3-flask redis-server skopeo umoci
"
# Debian's, then Ubuntu's; the first that exists is the kernel of the guests that the tests boot.
KERNELS="linux-image-cloud-amd64 linux-image-kvm linux-image-virtual"

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

# missing NAME...: those that are not installed.
missing() {
  installed=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' "$@" 2>/dev/null | sed -n 's/^installed //p')
  for name in "$@"; do
    echo "$installed" | grep -qx "$name" || echo "$name"
  done
}

is_available() { apt-cache policy "$1" 2>/dev/null | grep -q '^  Candidate: [^(]'; }

first_available() {
  for name in "$@"; do
    if is_available "$name"; then
      echo "$name"
      return
    fi
  done
}

install_missing() {
  as_root apt-get update
  wanted=""
  for name in $(missing $PACKAGES) $(first_available $KERNELS); do
    if is_available "$name"; then wanted="$wanted $name"; else echo "test/setup.sh: no package $name here" >&2; fi
  done
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $wanted
}

# Ubuntu keeps kernels for root alone, and a test that boots one may run as anybody.
make_kernels_readable() {
  find /boot -maxdepth 1 -type f -name 'vmlinuz-*' ! -perm -o=r | while read -r kernel; do
    as_root chmod a+r "$kernel"
  done
}

# One of the kernels is enough, so all but one may be missing.
kernels_missing=$(missing $KERNELS | wc -l)
if [ -n "$(missing $PACKAGES)" ] || [ "$kernels_missing" = "$(echo $KERNELS | wc -w)" ]; then install_missing; fi
make_kernels_readable
