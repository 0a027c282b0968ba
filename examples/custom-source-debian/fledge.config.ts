import {
  definePlugin,
  defineSource,
  imageConfig,
  layerFromTar,
  runProgram,
  stripDocs,
  type Tool,
} from "@volantvm/fledge";

const MMDEBSTRAP: Tool = {
  name: "mmdebstrap",
  reason: "make a root filesystem out of Debian's packages",
  package: "mmdebstrap",
};

/** A root straight from Debian's packages, with no registry and no image; without root where user namespaces are allowed. */
const debian = (suite: string, packages: readonly string[]) =>
  defineSource({
    name: `debian ${suite}`,
    requirements: () => [{ kind: "tool", anyOf: [MMDEBSTRAP] }],
    pin: async () => ({ reference: `debian ${suite}: ${packages.join(", ")}` }),
    async *layers(_pin, ctx) {
      const argv = ["--quiet", "--variant=minbase", `--include=${packages.join(",")}`, suite, "-"];
      // What mmdebstrap makes is as old as this, whenever it is made; a build's own date wins.
      const env = { SOURCE_DATE_EPOCH: "1700000000", ...ctx.env };
      yield await layerFromTar(runProgram(MMDEBSTRAP, argv, { ...ctx, env }), ctx, { label: `debian ${suite}` });
    },
    image: async () =>
      imageConfig({
        architecture: "amd64",
        config: {
          Entrypoint: ["/usr/sbin/lighttpd", "-D", "-f", "/etc/lighttpd/lighttpd.conf"],
          ExposedPorts: { "80/tcp": {} },
        },
      }),
  });

export default definePlugin({
  name: "custom-source-debian",
  version: "1.0.0",
  strategy: "oci_rootfs",
  platform: "linux/amd64",
  source: { custom: debian("bookworm", ["lighttpd"]) },
  test: { boot: [{ until: { http: "/" } }] },
  hooks: {
    "rootfs:merged": ({ rootfs, fact }) => {
      const status = rootfs.readFile("/var/lib/dpkg/status").toString();
      fact("packages", status.match(/^Package: /gm)?.length ?? 0);
      fact("stripped-bytes", stripDocs(rootfs));
    },
  },
});
