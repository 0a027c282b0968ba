import { spawnSync } from "node:child_process";
import { gunzipSync, gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { sha256 } from "../../../src/lib/digest.ts";
import { budgetFinding, commandLineBudget } from "../../../src/volant/budget.ts";
import { carriedJson } from "../../../src/volant/carried.ts";
import type { Manifest } from "../../../src/volant/schema.ts";
import { complete, DIGEST, minimal } from "./manifests.ts";

function withLabelOf(length: number): Manifest {
  let value = "";
  for (let i = 0; value.length < length; i++) value += sha256(String(i)).slice(7);
  return { ...minimal(), labels: { notes: value.slice(0, length) } };
}

describe("carriedJson", () => {
  it("is what Go makes of the least manifest", () => {
    expect(carriedJson(minimal())).toBe(
      '{"schema_version":"v1","name":"web","version":"1.2.0","runtime":"web",' +
        `"rootfs":{"url":"/var/lib/volant/plugins/web/web-rootfs.img","checksum":"${DIGEST}","format":"raw"},` +
        '"initramfs":{"url":""},"resources":{"cpu_cores":1,"memory_mb":256},' +
        '"health_check":{"endpoint":"","timeout_ms":0},' +
        '"workload":{"type":"http","base_url":"http://127.0.0.1:80",' +
        '"entrypoint":["/usr/sbin/nginx","-g","daemon off;"]},' +
        '"enabled":false,"labels":{"volant.plugin":"web","volant.runtime":"web"}}',
    );
  });

  it("sorts maps, fills in defaults and escapes as Go does", () => {
    const json = carriedJson({
      ...minimal(),
      workload: { ...minimal().workload, env: { B: "<&>", A: "\u2028" } },
      actions: { z: { method: "GET", path: "/z" }, a: { method: "GET", path: "/a" } },
      cloud_init: { user_data: { inline: true, content: "x" } },
      disks: [{ name: "a", source: "b" }],
    });
    expect(json).toContain('"env":{"A":"\\u2028","B":"\\u003c\\u0026\\u003e"}');
    expect(json).toContain('"actions":{"a":{"description":"","method":"GET","path":"/a","timeout_ms":0},"z":');
    expect(json).toContain(
      '"cloud_init":{"datasource":"NoCloud","seed_mode":"vfat","user_data":{"inline":true,"content":"x"},"meta_data":{},"network_config":{}}',
    );
    expect(json).toContain('"disks":[{"name":"a","source":"b","readonly":false}]');
  });

  it("keeps a URL and an absolute path", () => {
    for (const url of ["https://example.org/web.img", "/srv/web.img"]) {
      expect(carriedJson({ ...minimal(), rootfs: { url } })).toContain(`"rootfs":{"url":"${url}","format":"raw"}`);
    }
  });
});

describe("commandLineBudget", () => {
  it.each([
    ["the least", minimal()],
    ["the most", complete()],
    ["one near the limit", withLabelOf(1700)],
  ])("agrees with gzip and base64url on %s manifest", (_, manifest) => {
    const gzip = spawnSync("gzip", ["-n", "-6"], { input: carriedJson(manifest) });
    expect(gzip.status).toBe(0);
    expect(gunzipSync(gzip.stdout).toString()).toBe(carriedJson(manifest));
    const goFinalBlock = Buffer.from([0x01, 0x00, 0x00, 0xff, 0xff]);
    const { encodedBytes } = commandLineBudget(manifest);
    const asGo = Buffer.concat([gzip.stdout, goFinalBlock]).toString("base64url").length;
    // GNU gzip finds matches of 3 bytes, Node's zlib (and Go) of 4: not the same size, but near.
    expect(Math.abs(encodedBytes - asGo) / asGo).toBeLessThanOrEqual(0.04);
    const node = Buffer.concat([gzipSync(carriedJson(manifest), { level: 6 }), goFinalBlock]);
    expect(encodedBytes).toBe(node.toString("base64url").length);
  });

  it("fits a realistic manifest with room to spare", () => {
    expect(commandLineBudget(complete())).toMatchObject({ verdict: "ok" });
    expect(commandLineBudget(complete()).encodedBytes).toBeLessThan(1200);
    expect(commandLineBudget(minimal()).encodedBytes).toBeLessThan(600);
  });

  it("names the largest parts by what each would free", () => {
    const manifest = {
      ...complete(),
      workload: { ...complete().workload, env: { SECRET: withLabelOf(900).labels?.notes ?? "" } },
    };
    const { encodedBytes, largest } = commandLineBudget(manifest);
    expect(largest[0]?.key).toBe("workload.env");
    const { env: _env, ...workload } = manifest.workload;
    expect(largest[0]?.bytes).toBe(encodedBytes - commandLineBudget({ ...manifest, workload }).encodedBytes);
    const sizes = largest.map(({ bytes }) => bytes);
    expect(sizes).toEqual([...sizes].sort((a, b) => b - a));
    expect(largest.map(({ key }) => key)).not.toContain("name");
  });

  it("warns from 1500 and refuses beyond 1800", () => {
    const seen = new Map<string, number[]>();
    for (let length = 1000; length <= 2400; length += 20) {
      const { verdict, encodedBytes } = commandLineBudget(withLabelOf(length));
      seen.set(verdict, [...(seen.get(verdict) ?? []), encodedBytes]);
    }
    expect(Math.max(...(seen.get("ok") ?? []))).toBeLessThan(1500);
    expect(Math.min(...(seen.get("tight") ?? []))).toBeGreaterThanOrEqual(1500);
    expect(Math.max(...(seen.get("tight") ?? []))).toBeLessThanOrEqual(1800);
    expect(Math.min(...(seen.get("over") ?? []))).toBeGreaterThan(1800);
  });
});

describe("budgetFinding", () => {
  const largest = [
    { key: "workload.env", bytes: 900 },
    { key: "labels", bytes: 80 },
    { key: "rootfs", bytes: 70 },
    { key: "image", bytes: 9 },
  ];

  it("is nothing, a warning or a problem", () => {
    const hint = "largest: workload.env (900 bytes), labels (80 bytes), rootfs (70 bytes)";
    expect(budgetFinding({ encodedBytes: 700, largest, verdict: "ok" })).toEqual({});
    expect(budgetFinding({ encodedBytes: 1600, largest, verdict: "tight" })).toEqual({
      warning: {
        message: "the manifest takes 1600 bytes of the kernel command line; beyond 1800 it does not fit",
        hint,
      },
    });
    expect(budgetFinding({ encodedBytes: 1900, largest, verdict: "over" })).toEqual({
      problem: {
        message: "the manifest takes 1900 bytes of the kernel command line, and only 1800 fit: the guest cuts the rest",
        hint,
      },
    });
  });
});
