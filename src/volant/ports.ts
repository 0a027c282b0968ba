import type { ManifestOptions } from "./options.ts";
import type { Report } from "./report.ts";

/** A port of the workload inside the guest. */
export type Port = {
  readonly port: number;
  readonly protocol: "tcp" | "udp";
  readonly name?: string | undefined;
};

type Expose = NonNullable<NonNullable<ManifestOptions["network"]>["expose"]>;

export type PortInput = {
  readonly name: string;
  readonly expose?: Expose | undefined;
  /** `80/tcp`, as the image's ExposedPorts has them. */
  readonly exposedPorts: readonly string[];
};

/** The ports that the config exposes, or else the image's. What a manifest cannot say about them is a warning. */
export function resolvePorts({ name, expose, exposedPorts }: PortInput, report: Report): Port[] {
  return expose === undefined ? imagePorts(exposedPorts, report) : configPorts(expose, name, report);
}

/** One label for each port, since a manifest has no other place for them. */
export function portLabels(ports: readonly Port[]): Record<string, string> {
  return Object.fromEntries(
    ports.map(({ port, protocol, name }) => [`volant.expose.${port}/${protocol}`, name ?? "true"]),
  );
}

function configPorts(expose: Expose, plugin: string, report: Report): Port[] {
  return expose.map(({ port, protocol = "tcp", hostPort, name }, index) => {
    if (hostPort !== undefined) {
      report.warnings.push({
        message: `network.expose[${index}]: a manifest cannot map host port ${hostPort} to ${port}/${protocol}`,
        hint: `volar vms create NAME --plugin ${plugin} --expose ${hostPort}:${port}:${protocol}`,
      });
    }
    return { port, protocol, name };
  });
}

function imagePorts(exposedPorts: readonly string[], report: Report): Port[] {
  return exposedPorts.flatMap((text): Port[] => {
    const [, digits, protocol = "tcp"] = /^(\d{1,5})(?:\/(tcp|udp))?$/i.exec(text) ?? [];
    const port = Number(digits);
    if (port >= 1 && port <= 65535) return [{ port, protocol: protocol.toLowerCase() === "udp" ? "udp" : "tcp" }];
    report.warnings.push({
      message: `the image exposes "${text}", which is no TCP or UDP port: it is left out`,
      hint: "name the ports in manifest.network.expose",
    });
    return [];
  });
}
