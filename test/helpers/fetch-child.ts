import { fetchFile } from "../../src/guest/fetch.ts";
import { messageOf } from "../../src/lib/errors.ts";
import { testContext } from "./context.ts";

// A process of its own that fetches a file into a cache: `fetch-child.ts URL CHECKSUM CACHE_DIR`.
const [from = "", checksum = "", cacheDir = ""] = process.argv.slice(2);
const ctx = testContext({ cacheDir, progress: (done) => void process.stdout.write(`${done}\n`) });
try {
  const request = { from, checksum, what: "BusyBox", key: "busybox.url", checksumKey: "busybox.sha256" };
  const { path } = await fetchFile({ ...ctx, baseDir: "/" }, request);
  process.stdout.write(`at ${path}\n`);
} catch (error) {
  process.stdout.write(`failed: ${messageOf(error)}\n`);
}
