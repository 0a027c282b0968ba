import { addUser, definePlugin, formatEnv, renderTemplate, serviceScript } from "@volantvm/fledge";

// A disk whose files are made while it is built: who built it, a page from a template, an account, and a web server that
// needs no root for port 80. The BusyBox is Debian's (sudo apt-get install -y busybox-static).
export default definePlugin(({ env, mode }) => ({
  name: "generated-files",
  version: "1.0.0",
  strategy: "oci_rootfs",
  source: { dir: "./rootfs" },
  mappings: { "/bin/busybox": "/bin/busybox" },
  manifest: { workload: { entrypoint: ["/usr/sbin/web"], baseUrl: "http://127.0.0.1:80" } },
  test: { boot: [{ until: { http: "/", contains: "Built for" }, not: ["Permission denied"] }] },
  hooks: {
    "rootfs:ready": ({ rootfs, plugin, fact }) => {
      const build = { name: plugin.name, version: plugin.version, mode, commit: env.GIT_COMMIT ?? "unknown" };
      rootfs.writeFile("/etc/build-info.json", `${JSON.stringify(build, undefined, 2)}\n`);
      rootfs.writeFile("/etc/build-info.env", formatEnv(build));
      fact("commit", build.commit);

      const page = "/srv/www/index.html";
      rootfs.writeFile(page, renderTemplate(rootfs.readFile(page).toString(), build));

      for (const applet of ["sh", "id", "su"]) rootfs.symlink("busybox", `/bin/${applet}`);
      addUser(rootfs, { name: "www", system: true, home: "/srv/www" });

      // A copy of BusyBox under this name is its web server, and nothing else in the guest gets the capability.
      rootfs.copyFromHost("/bin/busybox", "/usr/bin/httpd");
      rootfs.setCapability("/usr/bin/httpd", "cap_net_bind_service+ep");
      const command = ["/usr/bin/httpd", "-f", "-p", "80", "-h", "/srv/www"] as const;
      rootfs.writeFile("/usr/sbin/web", serviceScript({ command, user: "www" }), { mode: 0o755 });
    },
  },
}));
