import { createHash } from "node:crypto";
import { AwsV4Signer } from "aws4fetch";
import type { RunContext } from "../../lib/context.ts";
import { FledgeError } from "../../lib/errors.ts";
import { type HttpResponse, openHttp, readBody } from "../../lib/network/http.ts";
import type { S3Credentials } from "./s3-credentials.ts";

/** Where a bucket is. */
export type S3Place = {
  readonly bucket: string;
  readonly region: string;
  /** Without a trailing slash; the bucket is the first word of the path, as every service takes it. */
  readonly endpoint: string;
};

type S3Request = {
  readonly method: "HEAD" | "GET" | "PUT" | "POST" | "DELETE";
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
  readonly allowStatus?: readonly number[];
  /** Where sending it twice does no harm. */
  readonly tries?: number;
};

const NOTHING = new Uint8Array();
const MOST_ANSWER_BYTES = 4 * 2 ** 20;

/** One bucket of S3 or of what speaks like it: signed requests, by the network rules of all others. */
export class Bucket {
  readonly place: S3Place;
  readonly #credentials: S3Credentials;
  readonly #ctx: RunContext;

  constructor(place: S3Place, credentials: S3Credentials, ctx: RunContext) {
    this.place = place;
    this.#credentials = credentials;
    this.#ctx = ctx;
  }

  urlOf(key: string): URL {
    const words = [this.place.bucket, ...key.split("/")].map(encodeURIComponent);
    return new URL(`${this.place.endpoint}/${words.join("/")}`);
  }

  /** Sends a request for a key; answers with 2xx or one of `allowStatus`. Throws a `download` error for all else. */
  async send(key: string, request: S3Request): Promise<HttpResponse> {
    const { method, query = {}, headers = {}, body, allowStatus = [], tries } = request;
    const url = this.urlOf(key);
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
    const { env, signal, log } = this.#ctx;
    const response = await openHttp(url.href, {
      env,
      signal,
      log,
      method,
      headers: await this.#signed(url, { method, headers, body: body ?? NOTHING }),
      ...(body !== undefined && { body }),
      ...(tries !== undefined && { tries }),
      // A signature is for one host.
      maxRedirects: 0,
      allowStatus: [301, 307, 400, 403, 404, ...allowStatus],
    });
    if (response.status < 300 || allowStatus.includes(response.status)) return response;
    throw await this.#refused(response, method, key);
  }

  async text(key: string, request: S3Request): Promise<string> {
    return (await readBody(await this.send(key, request), MOST_ANSWER_BYTES)).toString("utf8");
  }

  /** With the digest of the body, so that what arrives is what was sent, without TLS too. */
  async #signed(url: URL, { method, headers, body }: Required<Pick<S3Request, "method" | "headers" | "body">>) {
    const hash = createHash("sha256").update(body).digest("hex");
    const signer = new AwsV4Signer({
      ...this.#credentials,
      method,
      url: url.href,
      headers: { ...headers, "x-amz-content-sha256": hash },
      service: "s3",
      region: this.place.region,
    });
    const signed = await signer.sign();
    return Object.fromEntries(signed.headers);
  }

  async #refused(response: HttpResponse, method: string, key: string): Promise<FledgeError> {
    const text = (await response.peek()).toString("utf8");
    const code = elementIn(text, "Code");
    const said = [code, elementIn(text, "Message")].filter((word) => word !== undefined).join(": ");
    const region = response.headers["x-amz-bucket-region"] ?? elementIn(text, "Region");
    const { bucket } = this.place;
    return new FledgeError(
      "download",
      `the bucket ${bucket} answers ${response.status} to ${method} ${key}${said === "" ? "" : ` (${said})`}`,
      { hint: hintFor(response.status, code, { bucket, region }) },
    );
  }
}

function hintFor(
  status: number,
  code: string | undefined,
  { bucket, region }: { readonly bucket: string; readonly region: string | undefined },
): string {
  if (status === 301 || status === 307) return `it is in another region: set region${region ? ` to "${region}"` : ""}`;
  if (code === "NoSuchBucket" || status === 404)
    return `make the bucket "${bucket}" first, or check endpoint and region`;
  if (code === "RequestTimeTooSkewed") return "set the clock of this machine";
  return "check the credentials, and that they may read and write there (s3:GetObject, s3:PutObject)";
}

/** The text of the first element of a name in a flat XML answer. */
export function elementIn(xml: string, name: string): string | undefined {
  const text = new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml)?.[1];
  return text?.replace(/&(quot|lt|gt|amp|#34);/g, (_, entity: string) => ENTITIES[entity] ?? "");
}

const ENTITIES: Readonly<Record<string, string>> = { quot: '"', "#34": '"', lt: "<", gt: ">", amp: "&" };
