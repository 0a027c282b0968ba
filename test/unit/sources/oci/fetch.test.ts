import { describe, expect, it } from "vitest";
import { sha256 } from "../../../../src/lib/digest.ts";
import { fetchLayers } from "../../../../src/sources/oci/fetch.ts";
import type { WantedLayer } from "../../../../src/store/layers.ts";
import { pullContext } from "../../../helpers/pull.ts";
import { tar } from "../../../helpers/tar-writer.ts";

const archives = Array.from({ length: 9 }, (_, i) => tar({ name: `file-${i}`, data: "x".repeat(i * 1000) }));
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

type Watched = { readonly wanted: WantedLayer[]; running: number; most: number; started: number };

function watched(behaviour: (index: number) => Promise<void>): Watched {
  const state: Watched = { wanted: [], running: 0, most: 0, started: 0 };
  for (const [i, archive] of archives.entries()) {
    const digest = sha256(archive);
    const open = async function* (): AsyncGenerator<Uint8Array> {
      state.started++;
      state.most = Math.max(state.most, ++state.running);
      try {
        await behaviour(i);
        yield archive;
      } finally {
        state.running--;
      }
    };
    state.wanted.push({ label: `layer ${i}`, blob: { digest, size: archive.length }, diffId: digest, open });
  }
  return state;
}

/** Of the first four, however slow the machine is; the later ones find them there or gone. */
async function fourAreRunning(state: Watched): Promise<void> {
  while (state.started < 4) await pause(1);
}

describe("fetchLayers", () => {
  it("fetches up to four at once and gives them in order", async () => {
    const state = watched(async (i) => {
      await fourAreRunning(state);
      await pause(i % 3 === 0 ? 60 : 5);
    });
    const progress: number[] = [];
    const ctx = { ...pullContext(), progress: (done: number) => void progress.push(done) };
    const labels: string[] = [];
    for await (const layer of fetchLayers(state.wanted, "image", ctx)) labels.push(layer.label);
    expect(labels).toEqual(archives.map((_, i) => `layer ${i}`));
    expect(state.most).toBe(4);
    expect(progress.at(-1)).toBe(archives.reduce((sum, { length }) => sum + length, 0));
    expect(progress).toEqual([...progress].sort((a, b) => a - b));
  });

  it("fails at once with the first failure, and stops the others", async () => {
    const state = watched(async (i) => {
      await fourAreRunning(state);
      await pause(i === 2 ? 10 : 200);
      if (i === 2) throw new Error("broken");
    });
    const layers = fetchLayers(state.wanted, "image", pullContext());
    await expect(layers.next()).rejects.toThrow("broken");
    expect([state.running, state.started]).toEqual([0, 4]);
  });

  it("stops when the caller does", async () => {
    const state = watched(() => pause(20));
    for await (const _ of fetchLayers(state.wanted, "image", pullContext())) break;
    expect(state.running).toBe(0);
    expect(state.started).toBeLessThan(7);
  });
});
