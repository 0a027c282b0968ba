import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Missing, requireRoot, requireTools } from "./requirements.ts";

/** The tag of every image in the layouts made here. */
export const TAG = "latest";

export function needsRealImages(): Missing {
  return requireRoot() ?? requireTools("buildah", "flock", "mmdebstrap", "setcap", "setfattr", "umoci");
}

/** An OCI layout with Debian's nginx in two layers; the upper one changes, replaces and deletes what the lower one has. */
export function nginxLayout(): Promise<string> {
  return made(NGINX);
}

/** An OCI layout of four layers and about 1.4 GB of files: compilers, Python, PostgreSQL and Node.js. */
export function bigLayout(): Promise<string> {
  return made(BIG);
}

/** An OCI layout with what people run: PostgreSQL, Redis, Node.js, Flask with gunicorn, Caddy, nginx. */
export function servicesLayout(): Promise<string> {
  return made(SERVICES);
}

/** An OCI layout with no more than what Debian calls minimal, to build on. */
export function debianLayout(): Promise<string> {
  return made(DEBIAN);
}

type Recipe = {
  readonly name: string;
  /** Debian's packages of the lowest layer. */
  readonly packages: readonly string[];
  /** A script for each further layer; it finds the root in `$m` and has `apt_install PACKAGE...`. */
  readonly layers: readonly string[];
  /** A script that fills a folder for one more layer, of GNU tar's: buildah writes whole seconds and no sparse files. */
  readonly archived?: string;
  /** Arguments of `buildah config`, as the shell reads them. */
  readonly config: string;
};

const PAGE = "<h1>Served by the image</h1>";

const NGINX: Recipe = {
  name: "nginx",
  packages: ["nginx-light", "iproute2", "curl"],
  layers: [
    `
      echo '${PAGE}' >"$m/var/www/html/index.html"
      echo 'changed by the upper layer' >>"$m/etc/issue"
      rm "$m/var/www/html/index.nginx-debian.html" "$m/etc/motd"
      rm -r "$m/usr/share/man" "$m/usr/share/nginx/html" "$m/usr/share/bug"
      mkdir "$m/usr/share/nginx/html"
      ln -s nginx "$m/usr/share/bug"
      rm -r "$m/usr/share/doc/curl"; echo 'now a file' >"$m/usr/share/doc/curl"
      chmod 1775 "$m/srv"; chown 33:4000000000 "$m/srv"
      echo shared >"$m/srv/one"; ln "$m/srv/one" "$m/srv/two"
      mkfifo -m 620 "$m/srv/pipe"; mknod -m 640 "$m/srv/disk" b 259 100000
      printf 'not utf-8' >"$m/srv/$(printf 'latin1-\\351')"
    `,
  ],
  archived: `
    mkdir etc; echo 'of GNU tar' >etc/issue.net; touch -d '2022-02-03 04:05:06.000000007Z' etc/issue.net etc
    mkdir srv; chmod 1775 srv; chown 33:4000000000 srv
    touch -d '2040-02-03 04:05:06.123456789Z' srv/after-2038; setfattr -n user.note -v 'of the layer' srv/after-2038
    truncate -s 20M srv/sparse; echo middle | dd of=srv/sparse bs=1M seek=15 conv=notrunc status=none
    printf x >srv/before-1970; touch -d '1965-01-01 00:00:00.5Z' srv/before-1970
    touch -d '2023-03-04 05:06:07.000000008Z' srv .
  `,
  config: `--entrypoint '["nginx","-g","daemon off;"]' --port 80 --port 443/udp --env GREETING=hello --label maintainer=tests --workingdir /srv`,
};

const BIG: Recipe = {
  name: "big",
  packages: ["python3", "python3-numpy", "ca-certificates"],
  layers: [
    "apt_install build-essential clang rustc git",
    'apt_install postgresql nodejs npm; rm -r "$m/usr/share/doc/git"',
    'rm -r "$m/usr/share/man" "$m/var/cache/apt"; find "$m/usr/share/doc" -name "changelog*" -delete; chmod -R o-rx "$m/etc/postgresql"',
  ],
  config: `--cmd '["python3","-m","http.server","8000"]' --port 8000`,
};

/** Where the official images have their programs: the entrypoint of postgres makes the database at the first start. */
const SERVICES: Recipe = {
  name: "services",
  packages: [
    ...["postgresql", "redis-server", "nodejs", "python3-flask", "gunicorn", "caddy"],
    ...["nginx-light", "curl", "iproute2"],
  ],
  layers: [
    `
      ln -s /usr/bin/python3 "$m/usr/local/bin/python"
      cat >"$m/usr/local/bin/docker-entrypoint.sh" <<'END'
#!/bin/sh
set -eu
export PATH="$PATH:$(echo /usr/lib/postgresql/*/bin)"
if [ "$(id -u)" = 0 ]; then
  install -d -o postgres -g postgres -m 700 "$PGDATA" /var/run/postgresql
  exec setpriv --reuid=postgres --regid=postgres --init-groups "$0" "$@"
fi
[ -s "$PGDATA/PG_VERSION" ] || initdb --username="$POSTGRES_USER" --auth=trust
exec "$@"
END
      chmod 755 "$m/usr/local/bin/docker-entrypoint.sh"
      rm -r "$m/usr/share/doc" "$m/usr/share/man" "$m/var/lib/postgresql"; mkdir -m 755 "$m/var/lib/postgresql"
    `,
  ],
  config: `--cmd '["/bin/sh"]' --env PGDATA=/var/lib/postgresql/data --env POSTGRES_USER=postgres`,
};
const DEBIAN: Recipe = { name: "debian", packages: ["ca-certificates"], layers: [":"], config: "--cmd bash" };

/** Makes an image once per machine and recipe; other processes that want it meanwhile wait for it. */
async function made(recipe: Recipe): Promise<string> {
  const key = createHash("sha256").update(script(recipe)).digest("hex").slice(0, 12);
  const cache = join(tmpdir(), "fledge-real-images");
  const folder = join(cache, `${recipe.name}-${key}`);
  mkdirSync(cache, { recursive: true });
  const file = `${folder}.${process.pid}.sh`;
  writeFileSync(file, script(recipe));
  await run("flock", [`${folder}.lock`, "sh", "-eu", file, folder]);
  return folder;
}

/**
 * The lowest layer comes from mmdebstrap, the others from changes in a mounted container. buildah's storage is a folder
 * that goes with the script, and the layout gets its name when it is complete.
 */
function script({ packages, layers, archived = "", config }: Recipe): string {
  return `
    out=$1; trap 'rm -f "$0"' EXIT
    if [ -e "$out/oci-layout" ]; then exit 0; fi
    work=$(mktemp -d "$out.XXXXXX")
    b() { buildah --root "$work/storage" --runroot "$work/run" --storage-driver vfs "$@"; }
    clean() {
      b umount --all >/dev/null 2>&1 || true
      b rm --all >/dev/null 2>&1 || true
      rm -rf "$work" "$0"
    }
    trap clean EXIT
    export DEBIAN_FRONTEND=noninteractive
    apt_install() {
      printf '#!/bin/sh\\nexit 101\\n' >"$m/usr/sbin/policy-rc.d"; chmod 755 "$m/usr/sbin/policy-rc.d"
      b run --isolation chroot --network host "$c" -- apt-get -q update
      b run --isolation chroot --network host "$c" -- apt-get -qy install --no-install-recommends "$@"
      rm -rf "$m/usr/sbin/policy-rc.d" "$m"/var/lib/apt/lists/* "$m"/var/cache/apt/archives/*.deb
    }
    mmdebstrap --quiet --variant=minbase --include=${packages.join(",")} bookworm "$work/base.tar"
    c=$(b from scratch)
    b add --quiet "$c" "$work/base.tar" /
    m=$(b mount "$c")
    if [ -e "$m/usr/sbin/nginx" ]; then setcap cap_net_bind_service+ep "$m/usr/sbin/nginx"; fi
    b umount "$c"
    b commit --quiet --rm "$c" layer
    rm "$work/base.tar"
    ${layers.map((layer) => layerScript(layer, config)).join("\n")}
    b push --quiet layer "oci:$work/layout:${TAG}"
    ${archived === "" ? "" : archivedScript(archived)}
    mv "$work/layout" "$out"
  `;
}

function layerScript(layer: string, config: string): string {
  return `
    c=$(b from --pull-never layer)
    m=$(b mount "$c")
    ${layer}
    b umount "$c"
    b config ${config} "$c"
    b commit --quiet --rm "$c" layer
  `;
}

function archivedScript(archived: string): string {
  return `
    mkdir "$work/top"
    (cd "$work/top"; ${archived})
    tar --format=posix --sparse --xattrs --numeric-owner --sort=name -C "$work/top" -cf "$work/top.tar" .
    umoci raw add-layer --image "$work/layout:${TAG}" "$work/top.tar"
    umoci gc --layout "$work/layout"
  `;
}

/** Without blocking, so that the test runner stays reachable for the minutes that it may take. */
function run(program: string, args: readonly string[]): Promise<void> {
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      said = `${said}${text}`.slice(-10_000);
    });
  }
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) =>
      code === 0 ? resolve() : reject(new Error(`${program} ${args.join(" ")} ended with ${code}:\n${said}`)),
    );
  });
}
