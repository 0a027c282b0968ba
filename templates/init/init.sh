#!/bin/busybox sh
# shellcheck shell=dash
# /init of an initramfs guest: mounts what every program expects, then runs one program. It never leaves a guest
# hanging: whatever fails is named on the console, and the guest powers off.

# The two lines that fledge fills in: the program, and whether it replaces this script as PID 1 ("exec") or runs as
# its child, at whose end the guest powers off ("child").
FLEDGE_RUN='/bin/kestrel'
FLEDGE_HOW='exec'

# What is mounted how, at a first try all at once and then each by itself.
AS_SYSTEM=nosuid,nodev,noexec
AS_DEVICES=nosuid,mode=0755
AS_TERMINALS=nosuid,noexec,gid=5,mode=0620,ptmxmode=0666
AS_SHARED=nosuid,nodev,mode=1777
AS_ROOTS=nosuid,nodev,mode=0755

# Tools are called through BusyBox itself, because an image may bring others of the same name.
bb() { /bin/busybox "$@"; }

power_off() {
  trap - EXIT
  bb sync
  bb poweroff -f
  echo o >/proc/sysrq-trigger # For a BusyBox without poweroff.
  bb sleep 5
  exit 1 # The kernel panics when PID 1 ends, and restarts (see restart_on_panic).
}

# die WHY: also into the kernel's log, which reaches every console and not only the last one.
die() {
  echo "fledge-init: $1; powering off"
  [ -c /dev/kmsg ] || bb mknod /dev/kmsg c 1 11
  if [ -c /dev/kmsg ]; then echo "<3>fledge-init: $1; powering off" >/dev/kmsg; fi
  power_off
}

# A panic halts for ever unless the kernel was told panic=N, and a program that is PID 1 causes one when it ends.
restart_on_panic() {
  read -r seconds </proc/sys/kernel/panic
  if [ "$seconds" = 0 ]; then echo 1 >/proc/sys/kernel/panic; fi
}

is_mounted() {
  [ -r /proc/mounts ] || return 1
  folder=$1
  # What is mounted on a link is where that leads.
  if [ -L "$1" ]; then folder=$(cd -P "$1" && pwd); fi
  while read -r _ target _; do
    if [ "$target" = "$folder" ]; then return 0; fi
  done </proc/mounts
  return 1
}

# mount_at TYPE FOLDER OPTIONS
mount_at() {
  if is_mounted "$2"; then return 0; fi
  { [ -d "$2" ] || bb mkdir -p "$2"; } && bb mount -t "$1" -o "$3" "$1" "$2"
}

need() { mount_at "$@" || die "cannot mount $1 on $2"; }
want() { mount_at "$@" || echo "fledge-init: cannot mount $1 on $2; going on without it"; }

# Mounts all that it can of a table like /etc/fstab by one program: each takes some of the time that a guest has to be
# up. What that BusyBox or that kernel cannot is left to who asks for it by itself, which says so.
mount_table() { bb mount -a -T /proc/self/fd/0 2>/dev/null; }

# For a kernel without devtmpfs: the nodes that nearly every program needs.
make_devices() {
  need tmpfs /dev nosuid,noexec,mode=0755
  while read -r name major minor mode; do
    bb mknod -m "$mode" "/dev/$name" c "$major" "$minor"
  done <<NODES
console 5 1 600
tty 5 0 666
ptmx 5 2 666
ttyS0 4 64 600
hvc0 229 0 600
null 1 3 666
zero 1 5 666
full 1 7 666
random 1 8 666
urandom 1 9 666
kmsg 1 11 644
NODES
}

mount_all() {
  need proc /proc "$AS_SYSTEM"
  restart_on_panic
  # Of a link BusyBox does not know that something is mounted there.
  [ -L /tmp ] || [ -L /run ] || mount_table <<TABLE
sysfs /sys sysfs $AS_SYSTEM
devtmpfs /dev devtmpfs $AS_DEVICES
tmpfs /tmp tmpfs $AS_SHARED
tmpfs /run tmpfs $AS_ROOTS
TABLE
  need sysfs /sys "$AS_SYSTEM"
  mount_at devtmpfs /dev "$AS_DEVICES" 2>/dev/null || make_devices
  for link in fd:fd stdin:fd/0 stdout:fd/1 stderr:fd/2; do
    [ -e "/dev/${link%:*}" ] || bb ln -s "/proc/self/${link#*:}" "/dev/${link%:*}"
  done
  bb mkdir -p /dev/pts /dev/shm
  mount_table <<TABLE
devpts /dev/pts devpts $AS_TERMINALS
tmpfs /dev/shm tmpfs $AS_SHARED
TABLE
  want devpts /dev/pts "$AS_TERMINALS"
  want tmpfs /dev/shm "$AS_SHARED"
  want tmpfs /tmp "$AS_SHARED"
  want tmpfs /run "$AS_ROOTS"
}

# A guest without any console has no open standard streams; the first files a program opens would become them.
open_streams() { [ -e /proc/self/fd/0 ] || exec <>/dev/null >&0 2>&1; }

set_up_names() {
  bb ip link set lo up || echo 'fledge-init: cannot bring up lo; going on without it'
  hostname=localhost
  read -r cmdline </proc/cmdline
  for word in $cmdline; do
    case $word in volant.plugin=?*) hostname=${word#*=} ;; esac
  done
  { echo "$hostname" >/proc/sys/kernel/hostname; } 2>/dev/null || bb hostname "$hostname"
}

# check_program PATH: this shell would run a file that the kernel refuses as if it were a script, so look first.
check_program() {
  if [ ! -e "$1" ]; then die "$1 does not exist"; fi
  if [ ! -f "$1" ]; then die "$1 is not a file"; fi
  if [ ! -x "$1" ]; then die "$1 is not executable"; fi
  # shellcheck disable=SC3045 # BusyBox has read -n.
  read -r -n 4 elf </bin/busybox
  # shellcheck disable=SC3045
  read -r -n 4 magic <"$1"
  case $magic in
    '#!'*) check_script "$1" ;;
    "$elf") check_machine "$1" ;;
    *) die "$1 is neither an ELF program nor a script that begins with #!" ;;
  esac
}

check_script() {
  depth=$((${depth:-0} + 1))
  if [ "$depth" -gt 4 ]; then die "$FLEDGE_RUN has too many interpreters"; fi
  read -r line <"$1"
  case $line in *"$(printf '\r')") die "$1 has Windows line ends, its #! line too" ;; esac
  interpreter='(nothing)'
  for interpreter in ${line#??}; do break; done
  if [ ! -e "$interpreter" ]; then die "$interpreter, the interpreter of $1, does not exist"; fi
  check_program "$interpreter"
}

# Class, byte order and machine of an ELF file, in hexadecimal.
machine_of() { for at in 4 18; do bb hexdump -v -s "$at" -n 2 -e '1/1 "%02x"' "$1"; done; }

# BusyBox runs, so what was built for the same machine does. 32-bit x86 programs run where the kernel has that switch.
check_machine() {
  loaded=$1
  if [ "$1" -ef /bin/busybox ]; then return; fi
  guest=$(machine_of /bin/busybox)
  machine=$(machine_of "$1")
  case $guest/$machine in
    "$guest/$guest") return ;;
    02013e00/01010300) if [ -e /proc/sys/abi/vsyscall32 ]; then return; fi ;;
  esac
  case $machine in
    01010300) machine='32-bit x86' ;;
    01012800) machine='32-bit ARM' ;;
    02013e00) machine=x86-64 ;;
    0201b700) machine=arm64 ;;
    0201f300) machine=riscv64 ;;
  esac
  die "$1 is built for another machine ($machine) than this guest ($(bb uname -m))"
}

# exec_failed STATUS: since check_program saw the file, "not found" (127) is about the loader that an ELF file names.
exec_failed() {
  if [ "$1" != 127 ]; then die "the kernel refused to run $FLEDGE_RUN"; fi
  loader=$(bb strings "$loaded" | bb grep -m 1 '^/.*ld.*[.]so')
  die "the loader${loader:+ $loader} that $loaded needs does not exist"
}

run() {
  check_program "$FLEDGE_RUN"
  trap 'exec_failed $?' EXIT
  cd /
  exec "$FLEDGE_RUN"
}

# In a session of its own the program gets the console as its terminal, hence Ctrl-C and job control: the first
# terminal a session's leader opens becomes that, except /dev/console, which stands for the last one listed as active.
run_on_terminal() {
  if read -r active </sys/class/tty/console/active && [ -c "/dev/${active##* }" ]; then
    exec <>"/dev/${active##* }" >&0 2>&1
  fi
  run
}

# The shell reaps whatever ends while it waits. Signals cannot be forwarded by a shell that waits like this, and a
# program in the background would have SIGINT ignored; so Ctrl-Alt-Del restarts at once instead of signalling PID 1.
supervise() {
  echo 1 >/proc/sys/kernel/ctrl-alt-del
  bb setsid "$0" on-terminal
  status=$?
  ended="exited with status $status"
  if [ "$status" -gt 128 ] && [ "$status" -le 192 ]; then ended="was killed by signal $((status - 128))"; fi
  echo "fledge-init: $FLEDGE_RUN $ended; powering off"
  power_off
}

set -f # Words of the kernel's command line and of #! lines may hold a "*".
trap 'die "init ended too early"' EXIT
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM="${TERM:-linux}"
if [ "$1" = on-terminal ]; then run_on_terminal; fi
umask 022
mount_all
open_streams
set_up_names
case $FLEDGE_HOW in
  exec) run ;;
  child) supervise ;;
esac
