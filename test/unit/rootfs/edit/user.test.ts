import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { addGroup } from "../../../../src/rootfs/edit/group.ts";
import { addUser } from "../../../../src/rootfs/edit/user.ts";
import { RootfsTree } from "../../../../src/rootfs/tree.ts";
import { describeWith, requireRoot, requireTools } from "../../../helpers/requirements.ts";
import { tempDir } from "../../../helpers/temp.ts";

/** The account files of a small Debian. */
function debian(): RootfsTree {
  const rootfs = new RootfsTree();
  rootfs.writeFile("/etc/passwd", "root:x:0:0:root:/root:/bin/bash\ndaemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin\n");
  rootfs.writeFile("/etc/shadow", "root:*:19000:0:99999:7:::\ndaemon:*:19000:0:99999:7:::\n", { mode: 0o640, gid: 42 });
  rootfs.writeFile("/etc/group", "root:x:0:\ndaemon:x:1:\nshadow:x:42:\nvideo:x:44:\nDebian-exim:x:100:");
  rootfs.writeFile("/etc/gshadow", "root:*::\ndaemon:*::\nshadow:*::\nvideo:*::\nDebian-exim:!::\n", { mode: 0o640 });
  rootfs.writeFile("/usr/sbin/nologin", "");
  rootfs.mkdir("/root");
  return rootfs;
}

const text = (rootfs: RootfsTree, path: string): string => rootfs.readFile(path).toString();

const FILES = ["/etc/passwd", "/etc/shadow", "/etc/group", "/etc/gshadow"];

describe("a user", () => {
  it("is added to all four files, with a group of its own, and a home", () => {
    const rootfs = debian();
    const ids = addUser(rootfs, { name: "app", home: "/srv/app", comment: "Ärzte", groups: ["video", "Debian-exim"] });
    expect(ids).toEqual({ uid: 1000, gid: 1000 });
    expect(text(rootfs, "/etc/passwd")).toMatch(/\napp:x:1000:1000:Ärzte:\/srv\/app:\/usr\/sbin\/nologin\n$/);
    expect(text(rootfs, "/etc/shadow")).toMatch(/\napp:\*::0:99999:7:::\n$/);
    expect(text(rootfs, "/etc/group")).toBe(
      "root:x:0:\ndaemon:x:1:\nshadow:x:42:\nvideo:x:44:app\nDebian-exim:x:100:app\napp:x:1000:\n",
    );
    expect(text(rootfs, "/etc/gshadow")).toContain("video:*::app\nDebian-exim:!::app\napp:!::\n");
    expect(rootfs.stat("/srv/app")).toMatchObject({ type: "dir", mode: 0o755, uid: 1000, gid: 1000 });
    expect(rootfs.stat("/etc/shadow")).toMatchObject({ mode: 0o640, gid: 42 });
  });

  it("is added once, however often it is asked for", () => {
    const rootfs = debian();
    const options = { name: "app", system: true, home: "/srv/app", groups: ["video"] };
    const ids = addUser(rootfs, options);
    expect(ids).toEqual({ uid: 101, gid: 101 }); // 100 is a group's
    const before = FILES.map((path) => text(rootfs, path));
    expect(addUser(rootfs, options)).toEqual(ids);
    expect(addUser(rootfs, { name: "daemon", uid: 1 })).toEqual({ uid: 1, gid: 1 });
    expect(FILES.map((path) => text(rootfs, path))).toEqual(before);
  });

  it("goes into a group that is there, or one of another name", () => {
    const rootfs = debian();
    expect(addUser(rootfs, { name: "a", group: "video" })).toEqual({ uid: 1000, gid: 44 });
    expect(addUser(rootfs, { name: "b", uid: 44, group: "staff", gid: 50 })).toEqual({ uid: 44, gid: 50 });
    expect(addUser(rootfs, { name: "c", uid: 100 })).toEqual({ uid: 100, gid: 1000 });
    expect(text(rootfs, "/etc/group")).toContain("staff:x:50:\nc:x:1000:\n");
  });

  it("comes with root where there are no accounts, and without a shadow no password fits", () => {
    const rootfs = new RootfsTree();
    addUser(rootfs, { name: "app", uid: 7 });
    expect(text(rootfs, "/etc/passwd")).toBe("root:*:0:0:root:/root:/bin/sh\napp:*:7:7::/nonexistent:/bin/false\n");
    expect(text(rootfs, "/etc/group")).toBe("root:x:0:\napp:x:7:\n");
    expect(rootfs.readdir("/etc")).toEqual(["group", "passwd"]);
    expect(rootfs.stat("/etc/passwd").mode).toBe(0o644);
  });

  it.each<[Parameters<typeof addUser>[1], string]>([
    [
      { name: "daemon", uid: 5, shell: "/bin/sh" },
      'user "daemon" is there already, with uid 1, not 5 and shell /usr/sbin/nologin, not /bin/sh',
    ],
    [{ name: "daemon", group: "video" }, 'user "daemon" is there already, with group daemon, not video'],
    [{ name: "app", uid: 1 }, 'uid 1 of user "app" is that of user "daemon"'],
    [{ name: "app", gid: 44 }, 'gid 44 of group "app" is that of group "video"'],
    [{ name: "app", group: "video", gid: 45 }, 'group "video" is there already, with gid 44, not 45'],
    [
      { name: "app", groups: ["kvm", "video", "render"] },
      'user "app" is to be in kvm, render, which /etc/group does not have',
    ],
    [{ name: "App" }, '"App" is not a name for a user'],
    [{ name: "app", group: "a:b" }, '"a:b" is not a name for a group'],
    [{ name: "app", uid: -1 }, "-1 is not a uid"],
    [{ name: "app", uid: 2 ** 32 - 1 }, "4294967295 is not a uid"],
    [{ name: "app", comment: "a:b" }, 'comment of user "app" holds a colon, a line break or a NUL byte'],
    [{ name: "app", home: "srv" }, 'home of user "app" is not an absolute path: "srv"'],
  ])("is refused: %j", (options, message) => {
    expect(() => addUser(debian(), options)).toThrow(expect.objectContaining({ code: "rootfs", message }));
  });
});

it("a group gets the members that it lacks", () => {
  const rootfs = debian();
  expect(addGroup(rootfs, { name: "app", system: true, members: ["daemon"] })).toBe(101);
  expect(addGroup(rootfs, { name: "app", gid: 101, members: ["root", "daemon"] })).toBe(101);
  expect(text(rootfs, "/etc/group")).toMatch(/\napp:x:101:daemon,root\n$/);
});

describeWith("what real programs read", [requireRoot(), requireTools("pwck", "grpck", "chroot", "busybox")], () => {
  it("is what was written", () => {
    const rootfs = debian();
    addUser(rootfs, { name: "app", home: "/srv/app", groups: ["video"], comment: "The App" });
    addUser(rootfs, { name: "job", system: true });
    const root = tempDir();
    for (const folder of ["etc", "bin", "srv/app", "root", "usr/sbin"])
      mkdirSync(join(root, folder), { recursive: true });
    for (const path of FILES) writeFileSync(join(root, path), rootfs.readFile(path));
    for (const program of ["bin/busybox", "bin/bash", "usr/sbin/nologin"]) {
      copyFileSync("/bin/busybox", join(root, program));
      chmodSync(join(root, program), 0o755);
    }
    for (const check of ["pwck", "grpck"]) {
      expect(spawnSync(check, ["--root", root, "--read-only"], { encoding: "utf8" })).toMatchObject({
        stdout: "",
        status: 0,
      });
    }
    const inGuest = (...argv: string[]): string =>
      execFileSync("chroot", [root, "/bin/busybox", ...argv], { encoding: "utf8" });
    expect(inGuest("id", "app")).toBe("uid=1000(app) gid=1000(app) groups=1000(app),44(video)\n");
    expect(inGuest("id", "job")).toBe("uid=101(job) gid=101(job) groups=101(job)\n");
  });
});
