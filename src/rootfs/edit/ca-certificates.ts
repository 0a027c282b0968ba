import { X509Certificate } from "node:crypto";
import { FledgeError, messageOf } from "../../lib/errors.ts";
import type { RootfsTree } from "../tree.ts";

/** Where distributions keep all trusted authorities in one file: Debian and Alpine, Fedora, openSUSE, Alpine's and the BSDs'. */
const BUNDLES = [
  "/etc/ssl/certs/ca-certificates.crt",
  "/etc/pki/tls/certs/ca-bundle.crt",
  "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
  "/etc/ssl/ca-bundle.pem",
  "/etc/ssl/cert.pem",
] as const;

/** Where the tools that make those bundles look, so that what is added survives their next run. */
const ANCHORS = { debian: "/usr/local/share/ca-certificates", fedora: "/etc/pki/ca-trust/source/anchors" } as const;

const BLOCK = /-----BEGIN CERTIFICATE-----\r?\n[A-Za-z0-9+/=\r\n]+-----END CERTIFICATE-----/g;

/**
 * Makes the guest trust authorities, given as PEM: they are appended to every bundle that is there (the one of Debian is made
 * where none is), and put where `update-ca-certificates` and `update-ca-trust` find them. What a bundle has already is not
 * added again. Returns the bundles that were changed. Programs that look certificates up by hashed names alone
 * (a CApath without a CAfile) need the distribution's own tool. Throws a `rootfs` error for what is not a PEM of
 * certificates that may issue others or that issued themselves.
 */
export function addCaCertificates(rootfs: RootfsTree, pem: string | Uint8Array): string[] {
  const certificates = parse(typeof pem === "string" ? pem : Buffer.from(pem).toString("latin1"));
  const present = BUNDLES.filter((path) => rootfs.exists(path));
  const bundles = present.length > 0 ? present : BUNDLES.slice(0, 1);
  // A bundle may be a link to another: the second of them has it all by then.
  const changed = bundles.filter((path) => append(rootfs, path, certificates));
  const anchors = rootfs.exists("/etc/pki/ca-trust") ? ANCHORS.fedora : ANCHORS.debian;
  for (const certificate of certificates) {
    const name = certificate.fingerprint256.replaceAll(":", "").toLowerCase().slice(0, 16);
    rootfs.writeFile(`${anchors}/${name}.crt`, textOf(certificate), { mode: 0o644 });
  }
  return changed;
}

function append(rootfs: RootfsTree, path: string, certificates: readonly X509Certificate[]): boolean {
  const text = rootfs.exists(path) ? rootfs.readFile(path).toString("latin1") : "";
  const known = new Set([...text.matchAll(BLOCK)].map(([block]) => bodyOf(block)));
  const added = certificates.map(textOf).filter((block) => !known.has(bodyOf(block)));
  if (added.length === 0) return false;
  const separator = text === "" || text.endsWith("\n") ? "" : "\n";
  rootfs.writeFile(path, Buffer.from(`${text}${separator}${added.join("")}`, "latin1"));
  return true;
}

function parse(pem: string): X509Certificate[] {
  const blocks = pem.match(BLOCK) ?? [];
  if (blocks.length === 0) {
    throw new FledgeError("rootfs", "there is no certificate in what was given as a PEM", {
      hint: "it must hold -----BEGIN CERTIFICATE-----; openssl x509 -inform der turns a DER file into that",
    });
  }
  const certificates = blocks.map(parseBlock);
  return certificates.filter(
    ({ fingerprint256 }, index) => certificates.findIndex((one) => one.fingerprint256 === fingerprint256) === index,
  );
}

function parseBlock(block: string, index: number): X509Certificate {
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate(block);
  } catch (error) {
    throw new FledgeError("rootfs", `certificate ${index + 1} of the PEM cannot be read: ${messageOf(error)}`, {
      cause: error,
    });
  }
  if (certificate.ca || certificate.checkIssued(certificate)) return certificate;
  const subject = certificate.subject.replaceAll("\n", ", ");
  throw new FledgeError(
    "rootfs",
    `certificate ${index + 1} of the PEM (${subject}) is no authority: it cannot vouch for others`,
    {
      hint: "add the certificate of who issued it",
    },
  );
}

/** In the form that openssl writes, whatever line breaks the given one had. */
function textOf(certificate: X509Certificate): string {
  return certificate.toString();
}

function bodyOf(block: string): string {
  return block.replace(/-----[A-Z ]+-----|\s/g, "");
}
