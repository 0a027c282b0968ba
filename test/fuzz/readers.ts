import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { readFledgeToml, readManifestToml } from "../../src/config/toml/read.ts";
import { readArchive } from "../../src/imagers/cpio/read.ts";
import { planExt4 } from "../../src/imagers/ext4/layout/plan.ts";
import { Ext4Reader } from "../../src/imagers/ext4/reader/read.ts";
import { writeExt4 } from "../../src/imagers/ext4/writer/write.ts";
import { packagesIn } from "../../src/inspect/packages.ts";
import { parseChallenges } from "../../src/registry/challenge.ts";
import { findLogin } from "../../src/registry/credentials.ts";
import { parseManifest } from "../../src/registry/manifest.ts";
import { parseReference } from "../../src/registry/reference.ts";
import { readElf } from "../../src/rootfs/elf.ts";
import type { LayerEntry } from "../../src/rootfs/layer.ts";
import { applyLayer } from "../../src/rootfs/layers/apply.ts";
import { decodeIndex, encodeIndex } from "../../src/rootfs/layers/layer-index.ts";
import { sealTree } from "../../src/rootfs/seal.ts";
import { parsePax, parsePaxNumber, parsePaxTime } from "../../src/rootfs/tar/pax.ts";
import { createTarIndexer } from "../../src/rootfs/tar/read.ts";
import { RootfsTree } from "../../src/rootfs/tree.ts";
import { stagesOf } from "../../src/sources/engines/stages.ts";
import { diffIdsOf, parseImageConfig } from "../../src/sources/image-config.ts";
import { checkManifest } from "../../src/volant/check.ts";
import { readJson } from "../../src/volant/json-source.ts";
import { quietContext } from "../helpers/disk.ts";
import { ext4Options } from "../helpers/ext4.ts";
import { STACKS } from "../helpers/layer-stacks.ts";
import { rpmDatabase, rpmHeader } from "../helpers/rpmdb.ts";
import { sampleTree } from "../helpers/sample-tree.ts";
import { paxBody, tar } from "../helpers/tar-writer.ts";

/** A reader of what comes from outside: it ends, with a value or an error that fledge foresees. */
export type FuzzedReader = {
  readonly corpus: () => readonly Buffer[] | Promise<readonly Buffer[]>;
  readonly read: (input: Buffer) => unknown;
};

const { signal } = new AbortController();
const STORED = "/store/layer.tar";
const texts =
  (...all: string[]) =>
  (): Buffer[] =>
    all.map((text) => Buffer.from(text));

const scratch = mkdtempSync(join(tmpdir(), "fledge-fuzz-"));
process.on("exit", () => rmSync(scratch, { recursive: true, force: true }));
const inFile = (name: string, input: Buffer): string => {
  const path = join(scratch, name);
  writeFileSync(path, input);
  return path;
};

const archives = (): Buffer[] => STACKS.flatMap(([, layers]) => layers.map((members) => tar(...members)));

function entriesOf(archive: Buffer): LayerEntry[] {
  const entries: LayerEntry[] = [];
  const indexer = createTarIndexer({ label: "x", storedFile: STORED }, (entry) => void entries.push(entry));
  indexer.write(archive);
  indexer.end();
  return entries;
}

/** Makes the sums of the headers good again, which would catch nearly every change. */
function withChecksums(archive: Buffer): Buffer {
  for (let at = 0; at + 512 <= archive.length; at += 512) {
    const block = archive.subarray(at, at + 512);
    if (block.toString("latin1", 257, 262) !== "ustar") continue;
    block.fill(0x20, 148, 156);
    const sum = block.reduce((total, byte) => total + byte, 0);
    block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  }
  return archive;
}

const DIGEST = `sha256:${"a".repeat(64)}`;
const MANIFEST = JSON.stringify({
  schemaVersion: 2,
  mediaType: "application/vnd.oci.image.manifest.v1+json",
  config: { mediaType: "application/vnd.oci.image.config.v1+json", digest: DIGEST, size: 100 },
  layers: [{ mediaType: "application/vnd.oci.image.layer.v1.tar+gzip", digest: DIGEST, size: 1000 }],
});
const INDEX = JSON.stringify({
  schemaVersion: 2,
  manifests: [
    {
      mediaType: "application/vnd.oci.image.manifest.v1+json",
      digest: DIGEST,
      size: 9,
      platform: { os: "linux", architecture: "arm64", variant: "v8" },
    },
  ],
});
const CONFIG = JSON.stringify({
  os: "linux",
  architecture: "amd64",
  config: {
    Cmd: ["/a"],
    Entrypoint: null,
    Env: ["A=b"],
    ExposedPorts: { "80/tcp": {} },
    User: "0:0",
    WorkingDir: "/w",
    Labels: { a: "b" },
  },
  rootfs: { type: "layers", diff_ids: [DIGEST] },
});
const RPM = { name: "bash", version: "5.2", release: "1", epoch: 1, arch: "noarch" };
const ELF = Buffer.concat([
  Buffer.from("7f454c460201010000000000000000000200 3e00".replace(" ", ""), "hex"),
  Buffer.alloc(100, 1),
]);

export const READERS: Readonly<Record<string, FuzzedReader>> = {
  layers: {
    corpus: archives,
    async read(input) {
      const entries = entriesOf(withChecksums(input));
      const layer = { label: "x", hasWhiteouts: true, entries: () => entries };
      await applyLayer(new RootfsTree().root, layer, { limits: { maxEntries: 10_000 } });
    },
  },
  index: {
    corpus: () => archives().map((archive) => Buffer.from(encodeIndex(entriesOf(archive)))),
    read(input) {
      if (input.length > 40) createHash("sha256").update(input.subarray(40)).digest().copy(input, 8);
      for (const _ of decodeIndex(input, { storedFile: STORED }));
    },
  },
  pax: {
    corpus: () => [
      paxBody([
        ["path", "a/b"],
        ["mtime", "-1.5"],
        ["size", "12"],
      ]),
      paxBody([
        ["GNU.sparse.map", "0,1,4,1"],
        ["SCHILY.xattr.user.a", "\0\xff"],
        ["SCHILY.acl.access", "user::rw-"],
      ]),
    ],
    read: (input) =>
      parsePax(input, (_, value) => {
        parsePaxNumber(value);
        parsePaxTime(value);
      }),
  },
  ext4: {
    async corpus() {
      const image = join(scratch, "corpus.img");
      await writeExt4(planExt4(sealTree(sampleTree().root), ext4Options()), image, { sparse: true }, quietContext());
      return [readFileSync(image)];
    },
    read(input) {
      const reader = Ext4Reader.open(inFile("image", input));
      try {
        for (const { inode } of reader.walk()) reader.xattrs(inode);
      } finally {
        reader.close();
      }
    },
  },
  cpio: {
    corpus: texts(
      `070701${"00000001".repeat(1)}000081a4${"00000000".repeat(9)}0000000200000000f\0`,
      `070701${"00000000".repeat(11)}0000000b00000000TRAILER!!!\0\0\0\0`,
    ),
    async read(input) {
      async function* stream(): AsyncGenerator<Buffer> {
        yield input;
      }
      for await (const record of readArchive(stream())) for await (const _ of record.data);
    },
  },
  manifests: {
    corpus: texts(
      '{"schema_version":"1","name":"a","version":"1.0.0","runtime":"a","enabled":true,"resources":{"cpu_cores":1,"memory_mb":512},"workload":{"type":"http","base_url":"http://127.0.0.1:80","entrypoint":["/a"],"env":{"A":"b"}},"rootfs":{"url":"a.img","checksum":"sha256:aa"}}',
    ),
    read: (input) => checkManifest(readJson(input.toString(), "m.json").value, { file: "m.json" }),
  },
  oci: {
    corpus: texts(MANIFEST, INDEX),
    read: (input) => parseManifest(input, "x"),
  },
  config: {
    corpus: texts(CONFIG),
    read(input) {
      parseImageConfig(input, "x");
      diffIdsOf(input, "x");
    },
  },
  toml: {
    corpus: texts(
      '[plugin]\nname = "a"\nstrategy = "initramfs"\n[source]\nimage = "nginx"\n[mappings]\n"a" = "/b"\n',
      "a = 1\nb.c = [1, 2.5, true, 1979-05-27]\n[[d]]\ne = '''x'''\n",
    ),
    async read(input) {
      await readFledgeToml(inFile("fledge.toml", input));
      await readManifestToml(inFile("manifest.toml", input));
    },
  },
  references: {
    corpus: texts(
      "nginx:alpine",
      `ghcr.io/a/b@${DIGEST}`,
      "docker-archive:./x.tar",
      "oci:./dir:tag",
      "localhost:5000/a",
      "[::1]:5000/a",
    ),
    read: (input) => parseReference(input.toString()),
  },
  challenges: {
    corpus: texts(
      'Bearer realm="https://a/t",service="s",scope="repository:a:pull"',
      "Basic realm=x, Negotiate abc==, Digest a=b",
    ),
    read: (input) => parseChallenges(input.toString("latin1")),
  },
  credentials: {
    corpus: texts(
      '{"auths":{"a.io":{"auth":"YTpi"},"https://index.docker.io/v1/":{"identitytoken":"t"}},"credHelpers":{}}',
    ),
    read: (input) =>
      findLogin("a.io", "b", { env: { REGISTRY_AUTH_FILE: inFile("auth.json", input), PATH: "/nonexistent" }, signal }),
  },
  dockerfile: {
    corpus: texts(
      "# syntax=x\n# escape=`\nARG A=1\nFROM --platform=$X a:$A AS base\nRUN <<EOF\nFROM no\nEOF\nFROM base\\\n AS b\n",
    ),
    read: (input) => stagesOf(input.toString()),
  },
  elf: {
    corpus: () => [ELF],
    read: (input) => readElf((offset, length) => input.subarray(offset, offset + length)),
  },
  rpm: {
    corpus: () => [rpmDatabase([3000, 0].map((descriptionBytes) => rpmHeader({ ...RPM, descriptionBytes })))],
    read(input) {
      const tree = new RootfsTree();
      tree.writeFile("/var/lib/rpm/rpmdb.sqlite", input);
      packagesIn(tree.root);
    },
  },
};

const KEPT = fileURLToPath(new URL("corpus/", import.meta.url));

/** What a reader starts from: what it is for, and what has harmed it before. */
export async function corpusOf(name: string, { corpus }: FuzzedReader): Promise<readonly Buffer[]> {
  const kept = readdirSync(KEPT).filter((file) => file.startsWith(`${name}-`));
  return [...(await corpus()), ...kept.map((file) => readFileSync(join(KEPT, file)))];
}
