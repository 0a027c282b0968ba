import { stat } from "node:fs/promises";
import { join } from "node:path";
import { tooLarge } from "../../registry/json.ts";
import type { DocumentLimits } from "../../registry/limits.ts";
import { DEFAULT_IMAGE_LIMITS } from "../../registry/limits.ts";
import { readLocal, requireFolder } from "../local.ts";

/** The files of an image layout, be it a folder or an archive of one. */
export type FileSet = {
  /** What errors call it. */
  readonly label: string;
  /** The bytes of a file, undefined where there is none of that name. */
  size(name: string): Promise<number | undefined>;
  read(name: string): AsyncIterable<Uint8Array>;
};

/** A folder of the host; `name` never comes from an image unless it was checked to be a digest. */
export async function folderFiles(path: string): Promise<FileSet> {
  await requireFolder(path);
  return {
    label: path,
    async size(name) {
      const found = await stat(join(path, name)).catch(() => undefined);
      return found?.isFile() ? found.size : undefined;
    },
    read: (name) => readLocal(join(path, name)),
  };
}

/** A whole document, undefined where it is missing. Throws a `source` error for one that is larger than the limit. */
export async function readDocument(
  files: FileSet,
  name: string,
  { maxDocumentBytes }: DocumentLimits = DEFAULT_IMAGE_LIMITS,
): Promise<Uint8Array | undefined> {
  const size = await files.size(name);
  if (size === undefined) return undefined;
  if (size > maxDocumentBytes) throw tooLarge(`${name} of ${files.label}`, size, maxDocumentBytes);
  const chunks: Uint8Array[] = [];
  for await (const chunk of files.read(name)) chunks.push(chunk);
  return Buffer.concat(chunks);
}
