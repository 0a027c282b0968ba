import { createHash, createHmac } from "node:crypto";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { Bucket, elementIn } from "../../../src/publish/targets/s3.ts";
import { testContext } from "../../helpers/context.ts";

const CREDENTIALS = { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY" };

/** A bucket of a server that keeps what it is asked. */
async function bucket() {
  const asked: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    asked.push(request);
    request.resume().on("end", () => response.end());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    asked,
    bucket: new Bucket({ bucket: "plugins", region: "eu-central-1", endpoint }, CREDENTIALS, testContext()),
  };
}

/** AWS Signature Version 4, as "Authenticating Requests (AWS Signature Version 4)" of the S3 API has it, written anew. */
function signatureOf(request: IncomingMessage): string {
  const { headers, method = "", url = "" } = request;
  const [path = "", query = ""] = url.split("?");
  const [, signedHeaders = ""] = /SignedHeaders=([^,]+)/.exec(headers.authorization ?? "") ?? [];
  const names = signedHeaders.split(";");
  const canonical = [
    method,
    path,
    query.split("&").sort().join("&"),
    ...names.map((name) => `${name}:${String(headers[name]).trim()}`),
    "",
    signedHeaders,
    headers["x-amz-content-sha256"],
  ].join("\n");
  const stamp = String(headers["x-amz-date"]);
  const scope = `${stamp.slice(0, 8)}/eu-central-1/s3/aws4_request`;
  const text = ["AWS4-HMAC-SHA256", stamp, scope, createHash("sha256").update(canonical).digest("hex")].join("\n");
  const hmac = (key: string | Buffer, data: string): Buffer => createHmac("sha256", key).update(data).digest();
  const key = scope.split("/").reduce<string | Buffer>(hmac, `AWS4${CREDENTIALS.secretAccessKey}`);
  return hmac(key, text).toString("hex");
}

test.each([
  ["PUT", "team/web 1.2+3/web-rootfs.img", {}, "content"],
  ["GET", "web.manifest.json", { uploadId: "a+b/c=", "max-parts": "1000" }, ""],
  ["POST", "größe/~x", { uploads: "" }, ""],
] as const)("a request is signed as S3 signs it: %s %s", async (method, key, query, text) => {
  const { bucket: place, asked } = await bucket();
  const body = Buffer.from(text);
  await (await place.send(key, { method, query, ...(text !== "" && { body }) })).discard();
  const [request] = asked as [IncomingMessage];
  expect(request.headers["x-amz-content-sha256"]).toBe(createHash("sha256").update(body).digest("hex"));
  expect(request.headers.authorization).toContain(`Signature=${signatureOf(request)}`);
});

test("what is in an answer is read with its entities, and nothing is made of what is not there", () => {
  const xml = "<?xml version='1.0'?><R><ETag>&quot;a&amp;b&quot;</ETag><Key/></R>";
  expect(elementIn(xml, "ETag")).toBe('"a&b"');
  expect(elementIn(xml, "Key")).toBeUndefined();
});
