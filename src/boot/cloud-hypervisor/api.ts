import { request } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";

/** Cloud Hypervisor's REST API (vmm/src/api/openapi/cloud-hypervisor.yaml), over its unix socket. */
export function apiAt(socketPath: string) {
  const ask = (method: "GET" | "PUT", path: string) =>
    new Promise<string>((resolve, reject) => {
      const sent = request({ socketPath, method, path: `/api/v1/${path}` }, (answer) => {
        let text = "";
        answer.setEncoding("utf8").on("data", (part: string) => {
          text += part;
        });
        answer.on("error", reject).on("end", () => resolve(text));
      });
      sent.on("error", reject).end();
    });
  return {
    /** Resolves once the guest runs, and its files are read; asks on until `isOver`. */
    async running(isOver: () => boolean): Promise<boolean> {
      while (!isOver()) {
        const info = await ask("GET", "vm.info").catch(() => "");
        if (/"state"\s*:\s*"Running"/.test(info)) return true;
        await sleep(POLL_MS);
      }
      return false;
    },
    /** Ends guest and hypervisor. */
    shutdown: () => ask("PUT", "vmm.shutdown"),
  };
}

const POLL_MS = 50;
