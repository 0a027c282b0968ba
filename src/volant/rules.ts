import { z } from "zod";

/**
 * Why Volant cannot open what `url` names, or undefined when it can. Accepted: `http://`, `https://`, and a plain
 * path, absolute or relative to the manifest's folder.
 */
export function urlObjection(url: string): string | undefined {
  if (url.trim() === "") return "must name the artifact: an http(s) URL or a plain path";
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(url)?.[1]?.toLowerCase();
  switch (scheme) {
    case undefined:
      return undefined;
    case "http":
    case "https":
      return URL.canParse(url) && /^https?:\/\//i.test(url) ? undefined : `"${url}" is not a valid URL`;
    case "file":
      return `"${url}": Volant accepts file:// but its launcher cannot open it; write the plain path`;
    default:
      return `"${url}": Volant opens http://, https:// and plain paths, not ${scheme}:`;
  }
}

/** Where a boot artifact is fetched from. */
export const artifactUrl = z.string().superRefine((url, ctx) => {
  const objection = urlObjection(url);
  if (objection !== undefined) ctx.addIssue({ code: "custom", message: objection });
});

export const text = z.string().refine((value) => value.trim() !== "", { error: "must not be empty" });

export const checksum = z.string().regex(/^sha256:[0-9a-f]{64}$/i, {
  error: "must be sha256: followed by 64 hex digits, as sha256sum prints them",
});

/** What Volant takes of a finished manifest: the same, the digits alone, and nothing at all, which it does not check. */
export const acceptedChecksum = z.string().regex(/^(?:(?:sha256:)?[0-9a-f]{64})?$/i, {
  error: "must be sha256: followed by 64 hex digits, as sha256sum prints them",
});

export const diskFormat = z.enum(["raw", "qcow2"], {
  error: (issue) =>
    issue.input === undefined
      ? undefined
      : `must be "raw" or "qcow2", not ${JSON.stringify(issue.input)}: it is the disk format, not the filesystem`,
});

/** The service's address inside the guest, which the agent proxies to. */
export const baseUrl = z.string().refine((url) => /^https?:\/\/./i.test(url) && URL.canParse(url), {
  error: "must be an http(s) URL such as http://127.0.0.1:80",
});

export const openapiLocation = z
  .string()
  .refine((value) => value.startsWith("/") || (/^https?:\/\/./i.test(value) && URL.canParse(value)), {
    error: "must be an http(s) URL or an absolute path",
  });

/** Domain, bus, device and function, as `lspci -D` prints them. */
export const pciAddress = z.string().regex(/^[0-9a-f]{4}:[0-9a-f]{2}:[01][0-9a-f]\.[0-7]$/i, {
  error: (issue) => `"${issue.input}" is not a PCI address such as 0000:01:00.0`,
});

export const pciDevicePattern = z.string().regex(/^(?:[0-9a-f]{4}|\*):(?:[0-9a-f]{4}|\*)$/i, {
  error: (issue) => `"${issue.input}" is not a vendor:device pattern such as 10de:* or 8086:1234`,
});

export const schemaVersion = z.literal("v1", {
  error: (issue) =>
    issue.input === undefined
      ? undefined
      : `must be "v1", the only version Volant reads, not ${JSON.stringify(issue.input)}`,
});

export const workloadType = z.literal("http", {
  error: (issue) =>
    issue.input === undefined
      ? undefined
      : `must be "http", the only workload Volant runs, not ${JSON.stringify(issue.input)}`,
});

export const networkMode = z.enum(["vsock", "bridged", "dhcp"]);

export const seedMode = z.literal("vfat", {
  error: (issue) =>
    issue.input === undefined
      ? undefined
      : `must be "vfat", the only seed Volant makes, not ${JSON.stringify(issue.input)}`,
});

const stringValue = z.string({
  error: ({ input }) =>
    typeof input === "number" || typeof input === "boolean" ? `must be a string: write "${input}"` : undefined,
});

export const environment = z.record(
  z.string().regex(/^[^=\0]+$/, { error: "is no name of a variable: it is empty or contains =" }),
  stringValue,
);

export const labels = z.record(z.string(), stringValue);

/** The array that a command line written as one string stands for, as a person would have to write it. */
export function splitCommand(command: string): string {
  return JSON.stringify(command.trim().split(/\s+/));
}
