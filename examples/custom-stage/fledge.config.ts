import { definePlugin, defineStage, formatEnv } from "@volantvm/fledge";

/** In the phase `rootfs` a stage changes the tree. This one goes ahead of the mappings, so that one of them may replace it. */
const osRelease = defineStage({
  name: "os-release",
  phase: "rootfs",
  before: "init",
  run({ rootfs, plugin }, { fact }) {
    const { name, version } = plugin;
    const release = { NAME: name, VERSION_ID: version, PRETTY_NAME: `${name} ${version}` };
    rootfs.writeFile("/etc/os-release", formatEnv(release));
    fact("release", release.PRETTY_NAME);
  },
});

/** In the phase `image` it reads what will be written; one that throws fails the build, and names itself. */
const sizeBudget = (limitMiB: number) =>
  defineStage({
    name: "size-budget",
    phase: "image",
    after: "seal",
    run({ tree }, { fact }) {
      const mib = Math.ceil(tree.contentBytes / 2 ** 20);
      if (mib > limitMiB) throw new Error(`the files take ${mib} MiB, and the budget is ${limitMiB} MiB`);
      fact("content-mib", mib);
    },
  });

export default definePlugin({
  name: "custom-stage",
  version: "1.0.0",
  strategy: "initramfs",
  busybox: { path: "/bin/busybox" },
  init: { path: "./init.sh" },
  manifest: { workload: { baseUrl: "http://127.0.0.1:8080" } },
  test: { boot: [{ until: [{ line: "this guest is custom-stage 1.0.0" }, { exit: "poweroff" }] }] },
  stages: [osRelease, sizeBudget(8)],
});
