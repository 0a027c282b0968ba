import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { BuildResult } from "../../src/index.ts";
import { openImage } from "../../src/inspect/open.ts";
import { explainPath } from "../../src/inspect/why.ts";
import { type ByteString, toText } from "../../src/lib/bytes.ts";
import type { Origin } from "../../src/rootfs/origin.ts";
import { readOrigins } from "../../src/store/builds.ts";
import { nginxLayout, servicesLayout } from "./real-images.ts";

/** What one of those who make a guest puts into it, one after the other. Paths without a leading slash, as bytes. */
type Step = {
  /** How the origin begins: its kind, then its label. */
  readonly who: string;
  readonly files?: readonly string[];
  /** Those that are there already stay another's. */
  readonly folders?: readonly string[];
  /** Of a layer: who lists a folder again, has it from then on. */
  readonly listed?: readonly string[];
};

/** An example as somebody has it who took it over, and where it was built. */
export type BuiltExample = { readonly name: string; readonly cwd: string; readonly cacheDir: string };

/**
 * Paths of an artifact that are said to be from another than who has put them there, each with both; who that is follows
 * from what the example has in its folder, what its config says, and the layers of its image as GNU's and Python's tar read them.
 */
export async function wrongOrigins({ name, artifact }: BuildResult, example: BuiltExample): Promise<string[]> {
  const { cacheDir } = example;
  const { steps, rest } = await expectedOf(name, example);
  const expected = play(steps);
  const record = await readOrigins(cacheDir, artifact.path);
  if (record === undefined) return [`nothing is known of ${artifact.path}`];
  const reader = await openImage(artifact.path, { cacheDir });
  const samples = new Map<string, string>();
  const wrong: string[] = [];
  for (const { path } of reader.tree.entries) {
    // The root is there before anybody comes, and lost+found is ext4's own.
    if (path === "" || path === "lost+found") continue;
    const place = record.names.get(toText(path))?.origin;
    const said = place === undefined ? "nobody" : textOf(record.table[place]);
    const who = expected.get(path) ?? rest ?? "nobody";
    if (!said.startsWith(who)) wrong.push(`/${toText(path)} is said to be from ${said}, not ${who}`);
    samples.set(said, toText(path));
  }
  for (const [said, path] of samples) {
    const { origin } = await explainPath(reader, `/${path}`, { cacheDir });
    if (textOf(origin) !== said) wrong.push(`why /${path} says ${textOf(origin)}, its build ${said}`);
  }
  await reader.close();
  return wrong;
}

function textOf(origin: Origin | undefined): string {
  return origin === undefined ? "nobody" : `${origin.kind} ${origin.label}`;
}

function play(steps: readonly Step[]): ReadonlyMap<string, string> {
  const owners = new Map<string, string>();
  for (const { who, files = [], folders = [], listed = [] } of steps) {
    for (const path of listed) owners.set(path, who);
    for (const path of [...files, ...folders]) {
      const names = path.split("/");
      const above = names.slice(0, -1).map((_, i) => names.slice(0, i + 1).join("/"));
      for (const folder of above) if (!owners.has(folder)) owners.set(folder, who);
    }
    for (const path of folders) if (!owners.has(path)) owners.set(path, who);
    for (const path of files) owners.set(path, who);
  }
  return owners;
}

type Expected = {
  readonly steps: readonly Step[];
  /** Of what nobody else has: where no list of the base is at hand. */
  readonly rest?: string;
};

const READY = 'hook hook "rootfs:ready" of ';
const INITRAMFS = "bin dev etc proc root run sbin sys tmp usr/bin usr/sbin var".split(" ");
const ROOTFS = "dev etc proc run sys tmp usr/local/bin".split(" ");

async function expectedOf(name: string, example: BuiltExample): Promise<Expected> {
  const { cwd } = example;
  const hook = (...files: string[]): Step => ({ who: READY, files });
  const mapped = (key: string, to: string, from = key): Step => mapping(key, join(cwd, from), to);
  const plugin = join(cwd, "plugins", name);
  const image = (layers: readonly Step[]): Step[] => [...layers, skeleton(ROOTFS), IMAGE_CONFIG];
  switch (name) {
    case "custom-imager":
      return { steps: [folderOf("source ", join(cwd, "rootfs"), ""), skeleton(ROOTFS)] };
    case "custom-init":
      return initramfs("init.sh", [hook("srv/www/index.html", "etc/services/web", "etc/services/probe")]);
    case "custom-source-debian": {
      const base = "layer layer 1: debian bookworm";
      return { steps: [{ who: base, folders: ["etc"] }, IMAGE_CONFIG], rest: base };
    }
    case "custom-stage":
      return initramfs("init.sh", [], [{ who: 'stage stage "os-release" of ', files: ["etc/os-release"] }]);
    case "dockerfile":
      return { steps: image([busyboxLayer(), { who: "layer layer 2: ", listed: DOCKERFILE }]) };
    case "generated-files": {
      const made = ["etc/build-info.json", "etc/build-info.env", "srv/www/index.html", "bin/sh", "bin/id", "bin/su"];
      const accounts = ["etc/passwd", "etc/group", "usr/bin/httpd", "usr/sbin/web"];
      const base = folderOf("source ", join(cwd, "rootfs"), "");
      const busybox = mapping("/bin/busybox", "/bin/busybox", "bin/busybox");
      return { steps: [base, skeleton(ROOTFS), busybox, hook(...made, ...accounts)] };
    }
    case "hello":
      return name === example.name
        ? initramfs("init.sh", [hook("srv/www/index.html")])
        : initramfs("serve.sh", [mapping("./site", join(plugin, "site"), "srv/www")]);
    case "clock":
      return initramfs("serve.sh", [hook("srv/www/cgi-bin/now")]);
    case "motd":
      return initramfs("serve.sh", [mapping("motd.txt", join(plugin, "motd.txt"), "srv/www/motd.txt")]);
    case "hello-toml": {
      const agent = { who: "agent agent", files: ["bin/kestrel"] };
      return initramfs(undefined, [mapped("./greet.sh", "usr/bin/greet"), mapped("./site", "srv/www")], [agent]);
    }
    case "oci-nginx": {
      const site = mapped("./site", "usr/share/nginx/html");
      const conf = mapped("./default.conf", "etc/nginx/sites-enabled/default");
      return { steps: [...image(layersOf(await nginxLayout())), site, conf] };
    }
    case "oci-postgres":
      return { steps: [...image(layersOf(await servicesLayout())), mapped("./init", "docker-entrypoint-initdb.d")] };
    case "python-flask": {
      const mappings = [mapped("./app", "opt/app"), mapped("./vendor", "opt/vendor")];
      return { steps: [...image(layersOf(await servicesLayout())), ...mappings] };
    }
    case "preset-package": {
      const notices = join(cwd, "notices");
      return initramfs("serve.sh", [
        mapping(notices, notices, "srv/notices"),
        hook("srv/www/index.html", "etc/notice-board.port"),
      ]);
    }
    case "static-binary":
      return { steps: [skeleton(INITRAMFS), mapped("./init", "init"), SEAL] };
    default:
      throw new Error(`nobody has said who makes what of the example ${name}`);
  }
}

const IMAGE_CONFIG: Step = { who: "stage image-config", files: ["etc/fsify-entrypoint"] };
const SEAL: Step = { who: "stage seal", files: ["dev/console"] };
const DOCKERFILE = ["srv", "srv/www", "srv/www/index.html"];

function skeleton(folders: readonly string[]): Step {
  return { who: "stage skeleton", folders };
}

/** With BusyBox, and an init that runs a file of the project as /sbin/NAME. */
function initramfs(init: string | undefined, last: readonly Step[], first: readonly Step[] = []): Expected {
  const applets = execFileSync("/bin/busybox", ["--list-full"], { encoding: "utf8" }).trim().split("\n");
  const busybox = { who: "busybox busybox", files: [...applets, "bin/busybox"] };
  const own = { who: "init init", files: ["init", ...(init === undefined ? [] : [`sbin/${init}`])] };
  return { steps: [skeleton(INITRAMFS), busybox, ...first, own, ...last, SEAL] };
}

/** A mapped file, or all that a mapped folder has. */
function mapping(key: string, from: string, to: string): Step {
  return folderOf(`mapping mappings["${key}"]`, from, to);
}

function folderOf(who: string, from: string, to: string): Step {
  const files: string[] = [];
  const folders: string[] = [];
  const stack = [{ from, to }];
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    const { from: at, to: place } = next;
    const entries = entriesOf(at);
    if (entries === undefined) files.push(place);
    else {
      if (place !== "") folders.push(place);
      for (const child of entries)
        stack.push({ from: join(at, child), to: place === "" ? child : `${place}/${child}` });
    }
  }
  return { who, files, folders };
}

function entriesOf(path: string): string[] | undefined {
  try {
    return readdirSync(path);
  } catch {
    return undefined; // a file
  }
}

/** What `busyboxLayout` has put into its layer. */
function busyboxLayer(): Step {
  const applets = execFileSync("/bin/busybox", ["--list"], { encoding: "utf8" }).trim().split("\n");
  const files = ["etc/passwd", "bin/busybox", ...applets.map((applet) => `bin/${applet}`)];
  return { who: "layer layer 1: ", files, folders: ["tmp", "srv"] };
}

/** Whatever the bytes of a name are, each is a character of the JSON. */
const LIST = `
import json, sys, tarfile
with tarfile.open(sys.argv[1]) as tar:
    names = [member.name.encode("utf8", "surrogateescape").decode("latin1") for member in tar]
json.dump([name[2:] if name.startswith("./") else name for name in names], sys.stdout)
`;

/** The layers of an OCI layout, lowest first, each with all names that it lists. */
function layersOf(layout: string): Step[] {
  const json = (path: string) => JSON.parse(readFileSync(join(layout, path), "utf8"));
  const blob = (digest: string): string => join("blobs", digest.replace(":", "/"));
  const manifest = json(blob(json("index.json").manifests[0].digest));
  return manifest.layers.map(({ digest }: { digest: string }, i: number): Step => {
    const args = ["-c", LIST, join(layout, blob(digest))];
    const listed = JSON.parse(execFileSync("python3", args, { encoding: "utf8", maxBuffer: 1 << 28 })) as ByteString[];
    return { who: `layer layer ${i + 1}: `, listed };
  });
}
