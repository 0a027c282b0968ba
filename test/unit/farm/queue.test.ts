import { expect, test } from "vitest";
import type { FarmJob, FarmResult } from "../../../src/farm/jobs.ts";
import { openQueue } from "../../../src/farm/queue/index.ts";
import { sha256 } from "../../../src/lib/digest.ts";
import { requestSchema } from "../../../src/serve/request.ts";
import { startRedis } from "../../helpers/redis.ts";
import { describeWith, requireTools } from "../../helpers/requirements.ts";

const JOBS = 100;

describeWith("a queue in Redis", [requireTools("redis-server")], () => {
  test("what is done has its result, also for who asks at that moment", async () => {
    const server = await startRedis();
    const queue = await openQueue({ url: server.url, lockMs: 30_000, onError: () => {} });
    try {
      for (let index = 0; index < JOBS; index++) {
        const job: FarmJob = { bundle: sha256(String(index)), request: requestSchema.parse({}) };
        await queue.add("jobs", `job-${index}`, job);
        const taken = await queue.take(["jobs"], "worker");
        const result = { outputs: { index } } as unknown as FarmResult;
        const asked = [0, 1, 2, 3].map(() => queue.state("jobs", `job-${index}`));
        await taken?.complete(result);
        for (const state of await Promise.all(asked)) {
          if (state.kind === "done") expect(state.result).toEqual(result);
          else expect(state.kind).toBe("running");
        }
        expect(await queue.state("jobs", `job-${index}`)).toMatchObject({ kind: "done", result });
      }
    } finally {
      await queue.close();
      await server.stop();
    }
  });
});
