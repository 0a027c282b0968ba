import { expect, it } from "vitest";
import { fledgeTomlJsonSchema, manifestTomlJsonSchema } from "../../../src/config/json-schema.ts";

type Node = {
  properties: Record<string, Node>;
  description?: string;
  additionalProperties?: unknown;
  enum?: unknown[];
};

it("describes fledge.toml in Draft 4, from the rows of the config", () => {
  const schema = fledgeTomlJsonSchema() as Node & Record<string, unknown>;
  expect(schema).toMatchObject({
    $schema: "http://json-schema.org/draft-04/schema#",
    title: "fledge.toml",
    type: "object",
    additionalProperties: false,
  });
  expect(Object.keys(schema.properties)).toEqual(
    expect.arrayContaining([
      "version",
      "plugin",
      "oci_source",
      "agent",
      "init",
      "source",
      "out_dir",
      "manifest",
      "archive",
    ]),
  );
  expect(Object.keys(schema.properties)).not.toEqual(expect.arrayContaining(["hooks"]));
  expect(schema.properties.strategy?.enum).toEqual(["initramfs", "oci_rootfs"]);
  const text = JSON.stringify(schema);
  for (const word of ["size_buffer_mb", "busybox_sha256", "source_strategy", "build_args", "cpu_cores"])
    expect(text).toContain(word);
  expect(text).not.toMatch(/"(exclusive|hint|expected)":/);
  for (const [key, row] of Object.entries(schema.properties)) expect(row.description, key).toBeTypeOf("string");
});

it("describes manifest.toml", () => {
  const schema = manifestTomlJsonSchema() as Node & Record<string, unknown>;
  expect(schema).toMatchObject({ title: "manifest.toml", additionalProperties: false });
  expect(Object.keys(schema.properties)).toEqual(
    expect.arrayContaining(["name", "version", "schema_version", "cloud_init"]),
  );
  // Nothing is required: fledge has a default or an image for everything.
  expect(schema.required).toBeUndefined();
});
