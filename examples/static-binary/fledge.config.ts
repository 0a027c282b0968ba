import { execFileSync } from "node:child_process";
import { definePlugin } from "@volantvm/fledge";

// One static binary is the whole guest: it is /init, nothing of fledge's is in the image.
// A config is a program, so it can compile what it packs.
export default definePlugin(() => {
  execFileSync("cc", ["-static", "-O2", "-s", "-o", "init", "init.c"], { cwd: import.meta.dirname, stdio: "inherit" });
  return {
    name: "static-binary",
    version: "1.0.0",
    strategy: "initramfs",
    init: { none: true },
    mappings: { "./init": "/init" },
    archive: { compression: "gzip", level: 9 },
    manifest: { workload: { baseUrl: "http://127.0.0.1:9000" } },
    test: { boot: [{ until: [{ line: "static-binary: hello from PID 1" }, { exit: "poweroff" }] }] },
  };
});
