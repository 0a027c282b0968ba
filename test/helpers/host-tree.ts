import { appendFileSync, linkSync, lutimesSync, mkdirSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { run } from "./disk.ts";

/** Puts one of everything that a file system can hold into a folder of this machine, for the tools of the formats. As root. */
export function makeHostTree(folder: string): void {
  const at = (path: string): string => join(folder, path);
  const random = (bytes: number): Buffer =>
    Buffer.from(Array.from({ length: bytes }, (_, i) => (i * 7919 + (i >> 8)) & 0xff));
  for (const path of ["empty", "many", "deep/er/still"]) mkdirSync(at(path), { recursive: true });
  writeFileSync(at("small"), "a few bytes\n");
  writeFileSync(at("inline"), "x".repeat(140));
  writeFileSync(at("nothing"), "");
  writeFileSync(at("big"), random(3_000_001));
  writeFileSync(at("holes"), random(5000));
  truncateSync(at("holes"), 20_000_000);
  appendFileSync(at("holes"), random(70_000));
  for (let i = 0; i < 900; i++) writeFileSync(at(`many/a name that is long enough to need a hash tree ${i}`), `${i}`);
  linkSync(at("big"), at("deep/er/again"));
  symlinkSync("small", at("link"));
  symlinkSync(`/${"long/".repeat(40)}target`, at("far"));
  writeFileSync(Buffer.concat([Buffer.from(`${folder}/`), Buffer.from("6c6174696ee90a", "hex")]), "odd name");
  run("mknod", [at("console"), "c", "5", "1"]);
  run("mknod", [at("disk"), "b", "259", "70000"]);
  run("mkfifo", [at("pipe")]);
  run("chown", ["1000:70000", at("small")]);
  run("chmod", ["4755", at("inline")]);
  run("chmod", ["1777", at("empty")]);
  run("setcap", ["cap_net_bind_service+ep", at("nothing")]);
  run("setfattr", ["-n", "user.note", "-v", "kept", at("small")]);
  run("setfattr", ["-n", "user.more", "-v", "v".repeat(400), at("deep")]);
  lutimesSync(at("link"), 1_000_000_000, 1_000_000_000);
}
