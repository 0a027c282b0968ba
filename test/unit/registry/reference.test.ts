import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { sha256 } from "../../../src/lib/digest.ts";
import { isFledgeError } from "../../../src/lib/errors.ts";
import { formatReference, parseReference } from "../../../src/registry/reference.ts";

const DIGEST = `sha256:${"ab".repeat(32)}` as const;

describe("parseReference", () => {
  it.each([
    ["nginx", { registry: "docker.io", repository: "library/nginx", tag: "latest" }],
    ["nginx:alpine", { registry: "docker.io", repository: "library/nginx", tag: "alpine" }],
    ["docker:24", { registry: "docker.io", repository: "library/docker", tag: "24" }],
    ["docker:24-dind", { registry: "docker.io", repository: "library/docker", tag: "24-dind" }],
    ["docker://nginx:alpine", { registry: "docker.io", repository: "library/nginx", tag: "alpine" }],
    ["docker.io/nginx", { registry: "docker.io", repository: "library/nginx", tag: "latest" }],
    ["index.docker.io/team/app", { registry: "docker.io", repository: "team/app", tag: "latest" }],
    ["team/app", { registry: "docker.io", repository: "team/app", tag: "latest" }],
    ["localhost/app", { registry: "localhost", repository: "app", tag: "latest" }],
    ["localhost:5000/app", { registry: "localhost:5000", repository: "app", tag: "latest" }],
    ["[::1]:5000/app:v1", { registry: "[::1]:5000", repository: "app", tag: "v1" }],
    ["registry:5000/team/app:v1.2", { registry: "registry:5000", repository: "team/app", tag: "v1.2" }],
    [`registry:5000/team/app@${DIGEST}`, { registry: "registry:5000", repository: "team/app", digest: DIGEST }],
    [`a.b/app:v1@${DIGEST}`, { registry: "a.b", repository: "app", tag: "v1", digest: DIGEST }],
    [" nginx ", { registry: "docker.io", repository: "library/nginx", tag: "latest" }],
  ])("%s is of a registry", (text, expected) => {
    expect(parseReference(text)).toEqual({ kind: "registry", ...expected });
  });

  it.each([
    ["oci:out/layout", { kind: "layout", path: "out/layout" }],
    ["oci:out/layout:v1", { kind: "layout", path: "out/layout", tag: "v1" }],
    ["oci:out/layout:docker.io/x:1", { kind: "layout", path: "out/layout", tag: "docker.io/x:1" }],
    ["oci:out/layout:", { kind: "layout", path: "out/layout" }],
    ["oci-archive:image.tar", { kind: "archive", format: "oci", path: "image.tar" }],
    ["oci-archive:image.tar:latest", { kind: "archive", format: "oci", path: "image.tar", tag: "latest" }],
    [
      "docker-archive:image.tar:nginx:alpine",
      { kind: "archive", format: "docker", path: "image.tar", tag: "nginx:alpine" },
    ],
  ])("%s is a file or folder", (text, expected) => {
    expect(parseReference(text)).toEqual(expected);
  });

  it.each([
    ["docker-daemon:nginx", "docker-daemon", "nginx:latest"],
    ["docker-daemon:nginx:alpine", "docker-daemon", "nginx:alpine"],
    [`docker-daemon:${DIGEST}`, "docker-daemon", DIGEST],
    [`docker-daemon:app@${DIGEST}`, "docker-daemon", `app@${DIGEST}`],
    ["containers-storage:localhost/app", "containers-storage", "localhost/app:latest"],
    ["containers-storage:localhost:5000/app:v1", "containers-storage", "localhost:5000/app:v1"],
    ["containers-storage:0b07c00279f1", "containers-storage", "0b07c00279f1"],
  ])("%s is in the store of an engine", (text, store, name) => {
    expect(parseReference(text)).toEqual({ kind: "store", store, name });
  });

  it.each([
    ["", "names no image", undefined],
    ["https://docker.io/nginx", "is a URL", "leave out"],
    ["Nginx:alpine", "not the name", 'lower case: "nginx"'],
    ["nginx:", '"" is not a tag', "128"],
    ["nginx:a b", "not a tag", undefined],
    ["nginx@sha256:12", "not a sha256 checksum", "64 hex digits"],
    [`nginx@sha512:${"a".repeat(128)}`, "not a sha256", "sha256:"],
    [`nginx@${DIGEST}@${DIGEST}`, "more than one @", undefined],
    ["registry:5000/", "names no image", undefined],
    ["exa_mple.com/app", "not the name of a registry", undefined],
    ["docker-daemon:", "not an image reference", undefined],
    ["containers-storage:Nginx", "not the name of an image", undefined],
    ["oci:", "not an image reference", undefined],
  ])("refuses %j", (text, message, hint) => {
    const error = caught(() => parseReference(text));
    expect(error.code).toBe("config");
    expect(error.message).toContain(message);
    if (hint !== undefined) expect(error.hint).toContain(hint);
  });

  it("reads back what it writes", () => {
    const part = fc.stringMatching(/^[a-z0-9]{1,8}(?:-[a-z0-9]{1,4})?$/);
    const reference = fc.record({
      registry: fc.constantFrom("docker.io", "localhost", "localhost:5000", "r.example.com:443", "[::1]:80"),
      repository: fc.array(part, { minLength: 2, maxLength: 4 }).map((parts) => parts.join("/")),
      tag: fc.stringMatching(/^[\w][\w.-]{0,20}$/),
    });
    fc.assert(
      fc.property(reference, fc.boolean(), (one, pinned) => {
        const whole = { kind: "registry", ...one, ...(pinned && { digest: sha256("") }) } as const;
        expect(parseReference(formatReference(whole))).toEqual(whole);
      }),
      { numRuns: 200 },
    );
  });

  it("fails only with its own errors", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        try {
          parseReference(text);
        } catch (error) {
          expect(isFledgeError(error)).toBe(true);
        }
      }),
    );
  });
});

function caught(run: () => unknown) {
  try {
    run();
  } catch (error) {
    if (isFledgeError(error)) return error;
    throw error;
  }
  throw new Error("did not throw");
}
