/** What a project can begin as. */
export type TemplateName = "initramfs" | "oci" | "dockerfile" | "toml" | "preset";

export type Template = {
  /** For the list that a person chooses from. */
  readonly description: string;
  /** The folders of `templates/` that it is made of; a later one goes over an earlier one. */
  readonly folders: readonly string[];
  /** What a project may have already, and keeps. */
  readonly keeps: readonly string[];
  /** Whether a file of it names `{{busybox}}`. */
  readonly usesBusybox?: boolean;
};

const PROJECT_FILES = ["package.json", "tsconfig.json", ".gitignore", "README.md"];

export const TEMPLATES: Readonly<Record<TemplateName, Template>> = {
  initramfs: {
    description: "a small service in memory: BusyBox, an init script, your files",
    folders: ["base", "typescript", "initramfs"],
    keeps: PROJECT_FILES,
    usesBusybox: true,
  },
  oci: {
    description: "a bootable disk from a container image",
    folders: ["base", "typescript", "oci"],
    keeps: PROJECT_FILES,
  },
  dockerfile: {
    description: "a bootable disk from a Dockerfile",
    folders: ["base", "typescript", "dockerfile"],
    keeps: PROJECT_FILES,
  },
  toml: {
    description: "as initramfs, in fledge.toml and manifest.toml instead of TypeScript",
    folders: ["base", "toml"],
    keeps: PROJECT_FILES,
    usesBusybox: true,
  },
  preset: {
    description: "a package with a preset that others extend",
    folders: ["preset"],
    keeps: [],
  },
};
