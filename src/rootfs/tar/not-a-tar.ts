import { FledgeError } from "../../lib/errors.ts";
import { BLOCK_BYTES, decodeHeader } from "./header.ts";

/** What a file is that is no tar, by how it begins. */
type Kind = { readonly at?: number; readonly magic: string | RegExp; readonly is: string; readonly hint: string };

/** As far as `KINDS` look: the descriptor of an ISO 9660 volume is behind 32 KiB of nothing. */
export const START_BYTES = 36 * 1024;

const CONVERT = "make a tar of it first: bsdtar -cf root.tar @FILE (package libarchive-tools)";
const MOUNT = "fledge starts from files, not from a disk: mount it and name the folder as source.dir";
const AGAIN = "it is packed twice; unpack it once first";
const DECRYPT = "decrypt it first";
const NOT_FETCHED = "look at what it says: what was wanted was not there, or asked for a login";

const unpack = (program: string): string =>
  `fledge unpacks gzip, zstd, xz and bzip2; unpack it first: ${program} FILE > root.tar`;

/** One character of a magic is one byte. */
const KINDS: readonly Kind[] = [
  { magic: "\x04\x22\x4d\x18", is: "compressed with lz4", hint: unpack("lz4 -dc") },
  { magic: "\x02\x21\x4c\x18", is: "compressed with lz4, in its old format", hint: unpack("lz4 -dc") },
  { magic: "LZIP", is: "compressed with lzip", hint: unpack("lzip -dc") },
  // Properties, a dictionary that is a power of two (or 3/4 of one), and a size of less than 256 GiB, or none.
  {
    magic: /^\x5d\0[\0\x80]..(?:\xff{8}|.{5}\0\0\0)/s,
    is: "compressed with lzma",
    hint: unpack("xz -dc --format=lzma"),
  },
  { magic: "\x89LZO\0\r\n\x1a\n", is: "compressed with lzop", hint: unpack("lzop -dc") },
  { magic: "\xff\x06\0\0sNaPpY", is: "compressed with snappy", hint: unpack("snzip -dc") },
  { magic: "\x1f\x9d", is: "compressed with compress (.Z)", hint: unpack("gzip -dc") },
  { magic: "\x1f\xa0", is: "compressed with compress (.Z)", hint: unpack("gzip -dc") },
  { magic: "\x1f\x1e", is: "compressed with pack (.z)", hint: unpack("gzip -dc") },
  { magic: "LRZI", is: "compressed with lrzip", hint: unpack("lrzip -dqo -") },
  { magic: /^\x78[\x01\x5e\x9c\xda]/, is: "compressed with zlib", hint: unpack("zlib-flate -uncompress <") },
  { magic: "\x1f\x8b", is: "gzip data inside of what was unpacked", hint: AGAIN },
  { magic: "\x28\xb5\x2f\xfd", is: "zstd data inside of what was unpacked", hint: AGAIN },
  { magic: "\xfd7zXZ\0", is: "xz data inside of what was unpacked", hint: AGAIN },
  { magic: /^BZh[1-9]/, is: "bzip2 data inside of what was unpacked", hint: AGAIN },
  { magic: /^PK(?:\x03\x04|\x05\x06|\x07\x08|00PK)/, is: "a zip archive", hint: CONVERT },
  { magic: "7z\xbc\xaf\x27\x1c", is: "a 7z archive", hint: CONVERT },
  { magic: "Rar!\x1a\x07", is: "a RAR archive", hint: CONVERT },
  { magic: "MSCF\0\0\0\0", is: "a cabinet (CAB) archive", hint: CONVERT },
  { magic: "xar!", is: "a xar archive", hint: CONVERT },
  { at: 2, magic: /^-lh[0-9a-z]-/, is: "an LHA archive", hint: CONVERT },
  {
    magic: "!<arch>\ndebian-binary",
    is: "a Debian package",
    hint: "take its files: dpkg-deb --fsys-tarfile FILE > root.tar",
  },
  { magic: /^!<(?:arch|thin)>\n/, is: "an ar archive", hint: CONVERT },
  { magic: "\xed\xab\xee\xdb", is: "an RPM package", hint: CONVERT },
  { magic: /^07070[127]/, is: "a cpio archive", hint: CONVERT },
  { magic: /^(?:\xc7\x71|\x71\xc7)/, is: "a cpio archive of the old binary format", hint: CONVERT },
  { at: 0x8001, magic: "CD001", is: "an ISO 9660 image", hint: CONVERT },
  { magic: /^(?:hsqs|sqsh)/, is: "a squashfs image", hint: "make a tar of it first: sqfs2tar FILE > root.tar" },
  { at: 0x438, magic: "\x53\xef", is: "an ext2, ext3 or ext4 image", hint: MOUNT },
  { magic: "XFSB", is: "an XFS image", hint: MOUNT },
  { at: 1024, magic: "\xe2\xe1\xf5\xe0", is: "an EROFS image", hint: MOUNT },
  { magic: "QFI\xfb", is: "a qcow2 disk", hint: MOUNT },
  { magic: "KDMV", is: "a VMDK disk", hint: MOUNT },
  { magic: "vhdxfile", is: "a VHDX disk", hint: MOUNT },
  { magic: "conectix", is: "a VHD disk", hint: MOUNT },
  { at: 512, magic: "EFI PART", is: "a disk with partitions", hint: MOUNT },
  { at: 510, magic: "\x55\xaa", is: "a disk with a boot sector", hint: MOUNT },
  { magic: "\x7fELF", is: "a program (ELF)", hint: "name a tar of a root filesystem" },
  { magic: "age-encryption.org/", is: "encrypted with age", hint: DECRYPT },
  { magic: "-----BEGIN PGP MESSAGE", is: "encrypted with OpenPGP", hint: DECRYPT },
  { magic: "Salted__", is: "encrypted with openssl", hint: DECRYPT },
  { magic: /^(?:\xef\xbb\xbf)?\s*<(?:!doctype html|html|head|body)/i, is: "a web page", hint: NOT_FETCHED },
  { magic: /^\s*<\?xml/, is: "an XML document", hint: NOT_FETCHED },
  { magic: /^\s*\{\s*"/, is: "a JSON document", hint: NOT_FETCHED },
  {
    magic: "version https://git-lfs.github.com/",
    is: "a pointer of Git LFS",
    hint: "fetch the file itself: git lfs pull",
  },
];

/** The error for what begins so and is something else than a tar, or undefined where that cannot be told. */
export function notATar(label: string, start: Buffer): FledgeError | undefined {
  if (start.length >= BLOCK_BYTES && decodeHeader(start.subarray(0, BLOCK_BYTES)) !== undefined) return undefined;
  const kind = KINDS.find(({ at = 0, magic }) => {
    if (typeof magic === "string") return start.toString("latin1", at, at + magic.length) === magic;
    return magic.test(start.toString("latin1", at, at + 64));
  });
  return kind && new FledgeError("source", `${label} is no tar archive but ${kind.is}`, { hint: kind.hint });
}
