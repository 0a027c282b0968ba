import { randomBytes } from "node:crypto";
import { mkdir, readdir, readFile, rename } from "node:fs/promises";
import { join } from "node:path";
import { errnoOf, FledgeError } from "../../lib/errors.ts";
import { removeTree, writeFileAtomically } from "../../lib/files/atomic.ts";
import { makeFolders } from "../../lib/files/folders.ts";
import { ioError } from "../../lib/files/io-error.ts";
import type { BuildView, JobSource } from "./contract.ts";

/** What is kept of a build beside its log. */
export type BuildRecord = Omit<BuildView, "position" | "source"> & {
  /** Those of one queue are taken up in this order. */
  readonly number: number;
  readonly source: JobSource;
  readonly key?: string | undefined;
};

const VERSION = 1;
const RECORD = "build.json";

/** Where the parts of a build are: one folder has all of it. */
export type Places = {
  readonly folder: string;
  readonly log: string;
  readonly bundle: string;
  /** What is there while it runs. */
  readonly work: string;
  readonly out: string;
};

/** The folders of builds on disk. */
export class Keeping {
  readonly folder: string;

  constructor(folder: string) {
    this.folder = folder;
  }

  placesOf(id: string): Places {
    const folder = join(this.folder, id);
    return {
      folder,
      log: join(folder, "events.jsonl"),
      bundle: join(folder, "bundle.tar"),
      work: join(folder, "work"),
      out: join(folder, "out"),
    };
  }

  /** What an earlier process has left; what it had no time to remove is removed. */
  async load(): Promise<BuildRecord[]> {
    await makeFolders(this.folder).catch((error: unknown) => {
      throw ioError(error, "create", this.folder);
    });
    const records: BuildRecord[] = [];
    for (const name of await readdir(this.folder)) {
      const record = isId(name) ? await this.#read(name) : undefined;
      if (record === undefined) await removeTree(join(this.folder, name));
      else records.push(record);
    }
    return records.sort((a, b) => a.number - b.number);
  }

  /** Makes the folder of a build, with its bundle and its record in it: all of it is there then, or nothing. */
  async create(record: BuildRecord): Promise<void> {
    const { folder, bundle } = this.placesOf(record.id);
    const draft = join(this.folder, `.${record.id}`);
    try {
      await mkdir(draft, { mode: 0o700 });
      await writeFileAtomically(join(draft, RECORD), textOf(record));
      if (record.source.kind === "bundle") await rename(record.source.file, join(draft, "bundle.tar"));
      await rename(draft, folder);
    } catch (error) {
      if (record.source.kind === "bundle") await rename(join(draft, "bundle.tar"), record.source.file).catch(() => {});
      await removeTree(draft);
      throw ioError(error, "write", bundle);
    }
  }

  async save(record: BuildRecord): Promise<void> {
    await writeFileAtomically(join(this.placesOf(record.id).folder, RECORD), textOf(record));
  }

  /** Nobody finds a half of it: it has another name before anything in it goes. */
  async remove(id: string): Promise<void> {
    const { folder } = this.placesOf(id);
    const gone = join(this.folder, `.gone-${id}`);
    await rename(folder, gone).catch(() => {});
    await removeTree(gone);
  }

  async #read(id: string): Promise<BuildRecord | undefined> {
    const path = join(this.folder, id, RECORD);
    const text = await readFile(path, "utf8").catch((error: unknown) => {
      if (errnoOf(error) === "ENOENT") return undefined;
      throw ioError(error, "read", path);
    });
    if (text === undefined) return undefined;
    try {
      const { version, ...record } = JSON.parse(text) as BuildRecord & { version: number };
      if (version === VERSION) return record;
    } catch (cause) {
      throw new FledgeError("io", `${path} is damaged`, { hint: `remove ${join(this.folder, id)}`, cause });
    }
    throw new FledgeError("io", `${path} is of another version of fledge`, {
      hint: "choose another folder with --state",
    });
  }
}

/** A name that nobody guesses, and that sorts by when it was made. */
export function newId(nowMs: number): string {
  return `${nowMs.toString(36).padStart(9, "0")}-${randomBytes(5).toString("hex")}`;
}

export function isId(text: string): boolean {
  return /^[0-9a-z]{9}-[0-9a-f]{10}$/.test(text);
}

function textOf(record: BuildRecord): string {
  return `${JSON.stringify({ version: VERSION, ...record }, undefined, 2)}\n`;
}
