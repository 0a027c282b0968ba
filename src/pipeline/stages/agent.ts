import { statSync } from "node:fs";
import { AGENT_PATH } from "../../contract/guest-paths.ts";
import type { ResolvedPlugin } from "../../contract/plugin.ts";
import { fetchAgent } from "../../guest/agent/agent.ts";
import type { Step } from "../step.ts";

export function agentStage(plugin: ResolvedPlugin): Step | undefined {
  if (plugin.agent === undefined) return undefined;
  const { agent, baseDir } = plugin;
  return {
    name: "agent",
    phase: "rootfs",
    kind: "stage",
    title: `Add the agent at ${AGENT_PATH}`,
    run: async ({ rootfs }, ctx) => {
      const { path } = await fetchAgent(agent, { ...ctx, baseDir });
      if (rootfs.exists(AGENT_PATH)) rootfs.rm(AGENT_PATH);
      rootfs.putFile(AGENT_PATH, { size: statSync(path).size, content: { kind: "file", path } }, { mode: 0o755 });
    },
  };
}
