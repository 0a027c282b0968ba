import { expect, it } from "vitest";
import { registriesOptions } from "../../../src/registry/options.ts";

it.each([
  {},
  { "docker.io": { mirrors: ["mirror.example.com", "http://10.0.0.1:5000/hub", "[::1]:5000"] } },
  { "localhost:5000": { insecure: true }, "r.example.com": { ca: "./ca.pem" } },
])("accepts %j", (value) => {
  expect(registriesOptions.parse(value)).toEqual(value);
});

it.each([
  { "https://docker.io": {} },
  { "docker.io/library": {} },
  { "user@docker.io": {} },
  { "docker.io": { mirrors: ["https://user:password@mirror.example.com"] } },
  { "docker.io": { mirrors: ["ftp://mirror"] } },
  { "docker.io": { mirrors: "mirror" } },
  { "docker.io": { mirror: ["x"] } },
  { "docker.io": { ca: "" } },
])("refuses %j", (value) => {
  expect(registriesOptions.safeParse(value).success).toBe(false);
});
