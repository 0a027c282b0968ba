import type { RunContext } from "../../lib/context.ts";
import { FledgeError } from "../../lib/errors.ts";
import { bucketAt } from "../../publish/targets/bucket.ts";
import { parseReference } from "../../registry/reference.ts";
import { BucketStore } from "./bucket.ts";
import type { FarmStore } from "./contract.ts";
import { RegistryStore } from "./registry.ts";

export type { FarmStore, StoredSet } from "./contract.ts";

/** `REGISTRY/REPOSITORY`, or `s3://BUCKET[/PREFIX]`. Throws a `usage` error for anything else. */
export async function openStore(place: string, ctx: RunContext): Promise<FarmStore> {
  const [, bucket, prefix = ""] = /^s3:\/\/([^/]+)(?:\/(.*?)\/*)?$/.exec(place) ?? [];
  if (bucket !== undefined) return new BucketStore(await bucketAt({ bucket }, ctx), prefix, ctx);
  const reference = parseReference(place);
  // The tags are the store's own.
  const isBare = !/[:@][^/]*$/.test(place.slice(place.indexOf("/")));
  if (reference.kind === "registry" && isBare) return new RegistryStore(place, reference, ctx);
  throw new FledgeError("usage", `"${place}" is no store`, {
    hint: "--store registry.example.org/team/farm, without a tag, or --store s3://BUCKET/PREFIX",
  });
}
