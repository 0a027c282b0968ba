/** A command that a BusyBox binary offers, and the folder where its installer would link it. */
export type Applet = { readonly name: string; readonly dir: "/" | "/bin" | "/sbin" | "/usr/bin" | "/usr/sbin" };

/** `areLocated` is false where the binary does not say where applets belong; all are then in /bin. */
export type AppletTable = { readonly applets: readonly Applet[]; readonly areLocated: boolean };

// BusyBox holds two tables in its read-only data (libbb/appletlib.c, made by applets/applet_tables.c):
//   applet_names[]        names in strcmp order, each ended by a NUL
//   applet_install_loc[]  with FEATURE_INSTALLER: a nibble per applet in the same order, the low one first
const FOLDERS = ["/", "/bin", "/sbin", "/usr/bin", "/usr/sbin"] as const;

const NAME = /^[a-z0-9[][a-z0-9_.[-]*$/i;
const MAX_NAME_BYTES = 32;
const FEWEST_APPLETS = 3;

/** Where BusyBox has always put these (include/applets.src.h); they tell its table of folders from other bytes. */
const KNOWN_FOLDERS: ReadonlyMap<string, number> = new Map(
  Object.entries({
    1: "ash cat chmod chown cp date dd df echo grep gunzip kill ln ls mkdir mount mv ps pwd rm rmdir sed sh sleep su tar true umount uname",
    2: "fdisk halt ifconfig init insmod mkswap modprobe poweroff reboot route swapon",
    3: "[ [[ awk basename cut dirname du env expr find head id less md5sum nc printf sort tail test tr wc wget which xargs yes",
    4: "chroot crond httpd",
  }).flatMap(([folder, names]) => names.split(" ").map((name): [string, number] => [name, Number(folder)])),
);
const FEWEST_KNOWN = 4;

/** Names that come first in a table; what stands before the first name in the file need not end with a NUL. */
const FIRST_NAMES = [
  "[",
  "acpid",
  "add-shell",
  "addgroup",
  "adduser",
  "adjtimex",
  "ar",
  "arch",
  "arp",
  "arping",
  "ascii",
  "ash",
  "awk",
];

/**
 * The applets of a BusyBox binary, read from its tables: nothing is run, so a foreign architecture is as good as any.
 * Undefined when there is no such table.
 */
export function readApplets(binary: Buffer): AppletTable | undefined {
  const names = longestSortedRun(binary);
  if (names.length < FEWEST_APPLETS || !names.some((name) => KNOWN_FOLDERS.has(name))) return undefined;
  // Other strings that happen to sort before the first applet may stand in front of it. The folders tell.
  for (let skip = 0; skip < Math.min(4, names.length); skip++) {
    const folders = findFolders(binary, names.slice(skip));
    if (folders !== undefined) {
      const applets = names.slice(skip).map((name, index) => ({ name, dir: FOLDERS[folders[index] ?? 1] ?? "/bin" }));
      return { applets, areLocated: true };
    }
  }
  return { applets: names.map((name) => ({ name, dir: "/bin" })), areLocated: false };
}

/** The longest run of NUL-terminated names in ascending order. */
function longestSortedRun(binary: Buffer): string[] {
  let best: string[] = [];
  let run: string[] = [];
  for (let start = 0; start < binary.length; ) {
    const end = binary.indexOf(0, start);
    if (end < 0) break;
    const name = end - start <= 4 * MAX_NAME_BYTES ? binary.toString("latin1", start, end) : "";
    const previous = run.at(-1);
    if (isName(name) && previous !== undefined && previous < name) {
      run.push(name);
    } else {
      if (run.length > best.length) best = run;
      const first = firstName(name);
      run = first === undefined ? [] : [first];
    }
    start = end + 1;
  }
  return run.length > best.length ? run : best;
}

function isName(text: string): boolean {
  return text.length <= MAX_NAME_BYTES && NAME.test(text);
}

/** The name at the end of what stands between two NULs. */
function firstName(text: string): string | undefined {
  const known = FIRST_NAMES.filter((name) => text.endsWith(name)).sort((a, b) => b.length - a.length)[0];
  return known ?? (isName(text) ? text : undefined);
}

/** The folder of each name, from the one place in the binary where all known ones are right; undefined if none is. */
function findFolders(binary: Buffer, names: readonly string[]): number[] | undefined {
  const known = names.flatMap((name, index) => {
    const folder = KNOWN_FOLDERS.get(name);
    return folder === undefined ? [] : [{ index, folder }];
  });
  if (known.length < FEWEST_KNOWN) return undefined;
  const length = Math.ceil(names.length / 2);
  for (let start = 0; start + length <= binary.length; start++) {
    if (!known.every(({ index, folder }) => nibble(binary, start, index) === folder)) continue;
    const folders = names.map((_, index) => nibble(binary, start, index));
    if (folders.every((folder) => folder < FOLDERS.length)) return folders;
  }
  return undefined;
}

function nibble(binary: Buffer, start: number, index: number): number {
  const byte = binary[start + (index >> 1)] ?? 0xff;
  return index % 2 === 0 ? byte & 0x0f : byte >> 4;
}
