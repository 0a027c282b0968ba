import type { RunContext } from "../lib/context.ts";
import { type Digest, sha256 } from "../lib/digest.ts";
import { FledgeError, isFledgeError } from "../lib/errors.ts";
import type { HttpResponse } from "../lib/network/http.ts";
import { backoffMs, sleep } from "../lib/network/retry.ts";
import { blobPlaces, noteBlobPlace } from "./blob-places.ts";
import { Endpoint, type EndpointOptions } from "./endpoint.ts";
import { MANIFEST_TYPES } from "./manifest.ts";
import type { RegistryReference } from "./reference.ts";
import { type Referrer, tagReferrer } from "./referrers.ts";

/** A blob to be: its bytes may be asked for again. */
export type UploadContent = {
  readonly digest: Digest;
  readonly size: number;
  /** The bytes from `at` on, `length` of them. */
  read(at: number, length: number): Promise<Uint8Array>;
};

/** What is sent at once, and so again where it breaks. */
const PIECE_BYTES = 8 * 2 ** 20;

/** Breaks in a row, none of which the registry got anything by, before a blob is given up. */
const MAX_FRUITLESS = 5;
const FIRST_PAUSE_MS = 200;

/** Times that a manifest is put whose blobs were uploaded and are not seen. */
const MAX_UNSEEN = 6;

/** Writes to one repository at its registry; mirrors are for reading. Each call throws a `download` error when it fails. */
export class Uploads {
  readonly #endpoint: Endpoint;
  readonly #ctx: Pick<RunContext, "signal" | "log" | "cacheDir">;

  constructor({ registry, repository }: RegistryReference, options: EndpointOptions, ctx: RunContext) {
    this.#endpoint = new Endpoint({ host: registry, repository }, options, ctx);
    this.#ctx = ctx;
  }

  /** Whether the repository has a blob. */
  async has(digest: Digest): Promise<boolean> {
    const response = await this.#endpoint.send(`blobs/${digest}`, { method: "HEAD", headers: {}, allowStatus: [404] });
    await response.discard();
    return response.status !== 404;
  }

  /**
   * Sends a blob, unless it is there, or in another repository of the registry from which it can be mounted; where the
   * connection breaks it goes on from what the registry has got. Returns whether it was sent. `onBytes` is told how much
   * of it the registry has.
   */
  async put(content: UploadContent, onBytes: (bytes: number) => void = () => {}): Promise<boolean> {
    const isThere = (await this.has(content.digest)) || (await this.#mount(content.digest));
    if (!isThere) await this.#upload(content, onBytes);
    await noteBlobPlace(this.#ctx.cacheDir, content.digest, this.#endpoint.place);
    return !isThere;
  }

  /** Whether a repository where the blob was seen lends it (distribution-spec, "Mounting a blob from another repository"). */
  async #mount(digest: Digest): Promise<boolean> {
    for (const from of await blobPlaces(this.#ctx.cacheDir, digest, this.#endpoint.place)) {
      try {
        this.#endpoint.alsoPull(from);
        const session = await this.#begin(`?mount=${digest}&from=${from}`);
        if (session === undefined) return true;
        await this.#cancel(session);
      } catch (error) {
        if (!isFledgeError(error) || error.code === "aborted") throw error;
        this.#ctx.log(`${from} does not lend blob ${digest}: ${error.message}`);
      }
    }
    return false;
  }

  /** What a registry began instead of mounting; it forgets that by itself too. */
  async #cancel({ location }: Session): Promise<void> {
    const gone = { method: "DELETE", headers: {}, allowStatus: [400, 404, 405], tries: 1 };
    await this.#endpoint.send(location, gone).then((response) => response.discard());
  }

  async #upload(content: UploadContent, onBytes: (bytes: number) => void): Promise<void> {
    let session = await this.#newSession();
    for (let fruitless = 0; ; ) {
      const before = session.at;
      try {
        await this.#send(content, session, onBytes);
        return;
      } catch (error) {
        if (!isFledgeError(error) || error.code === "aborted") throw error;
        fruitless = session.at > before ? 0 : fruitless + 1;
        if (fruitless >= MAX_FRUITLESS) throw error;
        this.#ctx.log(`${error.message}; going on with blob ${content.digest}`);
        await sleep(backoffMs(fruitless + 1, FIRST_PAUSE_MS), this.#ctx.signal);
        session = await this.#resume(session);
      }
    }
  }

  /** Whether there is a manifest under a tag or a digest. */
  async hasManifest(name: string): Promise<boolean> {
    const headers = { accept: MANIFEST_TYPES.join(", ") };
    const response = await this.#endpoint.send(`manifests/${name}`, { method: "HEAD", headers, allowStatus: [404] });
    await response.discard();
    return response.status !== 404;
  }

  /** Puts a manifest or an index under a tag or its digest; returns what the registry says of it. */
  async putManifest(name: string, bytes: Uint8Array, mediaType: string): Promise<Pick<HttpResponse, "headers">> {
    const headers = { "content-type": mediaType };
    for (let tries = 1; ; tries++) {
      try {
        const response = await this.#endpoint.send(`manifests/${name}`, { method: "PUT", headers, body: bytes });
        await response.discard();
        return response;
      } catch (error) {
        // While somebody else uploads a blob too, a registry may not see it for a moment.
        const isUnknown = isFledgeError(error) && error.message.includes("BLOB_UNKNOWN");
        if (!isUnknown || tries >= MAX_UNSEEN) throw error;
        this.#ctx.log(`${error.message}; asking again`);
        await sleep(backoffMs(tries, FIRST_PAUSE_MS), this.#ctx.signal);
      }
    }
  }

  /** Puts a manifest that names `subject`, and sees to it that it is listed among those that do. */
  async putReferrer(subject: Digest, bytes: Uint8Array, described: Omit<Referrer, "digest" | "size">): Promise<void> {
    const digest = sha256(bytes);
    const { headers } = await this.putManifest(digest, bytes, described.mediaType);
    // A registry that lists referrers says so in its answer (distribution-spec, "Pushing Manifests with Subject").
    if (headers["oci-subject"] === subject) return;
    await tagReferrer(this.#endpoint, subject, { ...described, digest, size: bytes.length });
  }

  async #newSession(): Promise<Session> {
    const session = await this.#begin();
    if (session !== undefined) return session;
    throw new FledgeError("download", `${this.#endpoint.place.host} says that a blob is there before it was sent`);
  }

  /** Undefined when nothing is left to be sent. */
  async #begin(query = ""): Promise<Session | undefined> {
    const headers = { "content-length": "0" };
    const response = await this.#endpoint.send(`blobs/uploads/${query}`, { method: "POST", headers, tries: 4 });
    await response.discard();
    return response.status === 201 ? undefined : { at: 0, location: this.#locationOf(response) };
  }

  /** Sends what is left; where it ends is in the session, also when it fails. */
  async #send({ size, digest, read }: UploadContent, session: Session, onBytes: (n: number) => void): Promise<void> {
    while (session.at < size) {
      const bytes = await read(session.at, Math.min(PIECE_BYTES, size - session.at));
      const end = session.at + bytes.length;
      const response = await this.#endpoint.send(session.location, {
        method: "PATCH",
        headers: { "content-type": "application/octet-stream", "content-range": `${session.at}-${end - 1}` },
        body: bytes,
      });
      await response.discard();
      session.location = this.#locationOf(response);
      session.at = end;
      onBytes(end);
    }
    const whole = new URL(session.location);
    whole.searchParams.set("digest", digest);
    const response = await this.#endpoint.send(whole, { method: "PUT", headers: { "content-length": "0" }, tries: 1 });
    await response.discard();
  }

  /** How far an upload has got; a new one where the registry does not know of it any more. */
  async #resume({ location }: Session): Promise<Session> {
    const response = await this.#endpoint.send(location, { headers: {}, allowStatus: [400, 404, 405, 416] });
    await response.discard();
    if (response.status >= 400) return await this.#newSession();
    const end = Number(/^(?:bytes=)?0-(\d+)$/.exec(response.headers.range ?? "")?.[1] ?? 0);
    // Of nothing registries say 0-0, as of one byte.
    return { at: end === 0 ? 0 : end + 1, location: this.#locationOf(response, location) };
  }

  #locationOf({ headers, url, status }: HttpResponse, otherwise?: URL): URL {
    const { location } = headers;
    if (location !== undefined && URL.canParse(location, url)) return new URL(location, url);
    if (otherwise !== undefined) return otherwise;
    throw new FledgeError(
      "download",
      `${this.#endpoint.place.host} answers ${status} without saying where to upload to`,
    );
  }
}

type Session = { at: number; location: URL };
