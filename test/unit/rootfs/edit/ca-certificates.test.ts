import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { addCaCertificates } from "../../../../src/rootfs/edit/ca-certificates.ts";
import { RootfsTree } from "../../../../src/rootfs/tree.ts";
import { describeWith, requireTools } from "../../../helpers/requirements.ts";
import { tempDir } from "../../../helpers/temp.ts";

const DEBIAN = "/etc/ssl/certs/ca-certificates.crt";

/** Two authorities, and what the first of them signed. */
function authorities() {
  const folder = tempDir();
  const openssl = (...args: string[]): void => void execFileSync("openssl", args, { cwd: folder, stdio: "pipe" });
  const read = (name: string): string => readFileSync(join(folder, name), "utf8");
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
  for (const name of ["a", "b"]) {
    openssl("req", "-x509", ...key, "-keyout", `${name}.key`, "-out", `${name}.pem`, "-subj", `/CN=authority ${name}`);
  }
  openssl("req", ...key, "-keyout", "leaf.key", "-out", "leaf.csr", "-subj", "/CN=service");
  writeFileSync(join(folder, "leaf.ext"), "basicConstraints=CA:FALSE\n");
  const signed = ["-CA", "a.pem", "-CAkey", "a.key", "-CAcreateserial", "-extfile", "leaf.ext"];
  openssl("x509", "-req", "-in", "leaf.csr", ...signed, "-out", "leaf.pem");
  return {
    a: read("a.pem"),
    b: read("b.pem"),
    leaf: read("leaf.pem"),
    /** Whether openssl trusts the service with nothing but this bundle. */
    trusts(bundle: Buffer): boolean {
      writeFileSync(join(folder, "bundle.pem"), bundle);
      const args = ["verify", "-no-CApath", "-no-CAstore", "-CAfile", "bundle.pem", "leaf.pem"];
      return spawnSync("openssl", args, { cwd: folder }).status === 0;
    },
  };
}

describeWith("authorities", [requireTools("openssl")], () => {
  it("are in the bundle that is made, and openssl trusts what they signed", () => {
    const { a, b, trusts } = authorities();
    const rootfs = new RootfsTree();
    expect(addCaCertificates(rootfs, b)).toEqual([DEBIAN]);
    expect(trusts(rootfs.readFile(DEBIAN))).toBe(false);
    expect(addCaCertificates(rootfs, Buffer.from(a))).toEqual([DEBIAN]);
    expect(trusts(rootfs.readFile(DEBIAN))).toBe(true);
    const anchors = rootfs.readdir("/usr/local/share/ca-certificates");
    expect(anchors).toHaveLength(2);
    for (const name of anchors) {
      expect(name).toMatch(/^[0-9a-f]{16}\.crt$/);
      expect([a, b]).toContain(rootfs.readFile(`/usr/local/share/ca-certificates/${name}`).toString());
    }
  });

  it("are appended to every bundle that is there, once", () => {
    const { a, b, trusts } = authorities();
    const rootfs = new RootfsTree();
    rootfs.writeFile(DEBIAN, b.trimEnd());
    rootfs.symlink("certs/ca-certificates.crt", "/etc/ssl/cert.pem");
    rootfs.writeFile("/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", `# authority b\n${b}`, { mode: 0o444 });
    rootfs.symlink("/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", "/etc/pki/tls/certs/ca-bundle.crt");
    const both = `${a}${b.replaceAll("\n", "\r\n")}\n${a}`;
    expect(addCaCertificates(rootfs, both)).toEqual([DEBIAN, "/etc/pki/tls/certs/ca-bundle.crt"]);
    expect(rootfs.readFile(DEBIAN).toString()).toBe(`${b}${a}`);
    const fedora = "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem";
    expect(rootfs.readFile(fedora).toString()).toBe(`# authority b\n${b}${a}`);
    expect(rootfs.stat(fedora).mode).toBe(0o444);
    expect(rootfs.readdir("/etc/pki/ca-trust/source/anchors")).toHaveLength(2);
    expect(trusts(rootfs.readFile("/etc/ssl/cert.pem"))).toBe(true);
    expect(addCaCertificates(rootfs, both)).toEqual([]);
  });

  it("are refused when they are none", () => {
    const { a, leaf } = authorities();
    const add = (pem: string) => () => addCaCertificates(new RootfsTree(), pem);
    expect(add("")).toThrow(expect.objectContaining({ code: "rootfs", hint: expect.stringContaining("openssl x509") }));
    expect(add(`${a}${leaf}`)).toThrow("certificate 2 of the PEM (CN=service) is no authority");
    expect(add(a.replace("MII", "MIA"))).toThrow("certificate 1 of the PEM cannot be read: ");
  });
});
