import { expect, test } from "vitest";
import { PRESETS } from "../../src/presets/index.ts";
import { fledge } from "../helpers/cli.ts";

test("fledge presets lists every preset with its options", async () => {
  const { code, stdout } = await fledge(["presets"]);
  expect(code).toBe(0);
  for (const name of Object.keys(PRESETS)) expect(stdout).toMatch(new RegExp(`^${name}  \\S`, "m"));
  expect(stdout).toContain("\n  app [entry] [port] [env]\n");
  const { stdout: json } = await fledge(["presets", "--json"]);
  expect(JSON.parse(json).map(({ name }: { name: string }) => name)).toEqual(Object.keys(PRESETS));
});

test("fledge presets NAME says what its options are, and how a config begins", async () => {
  const { code, stdout } = await fledge(["presets", "python"]);
  expect(code).toBe(0);
  expect(stdout).toMatch(/^ {2}app {5}string +folder of the application.* \(required\)$/m);
  expect(stdout).toMatch(/^ {2}server {2}"gunicorn" \| "waitress" {2}server.* \(default "gunicorn"\)$/m);
  expect(stdout).toContain('  import python from "@volantvm/fledge/presets/python";\n');
  const { stdout: json } = await fledge(["presets", "python", "--json"]);
  expect(JSON.parse(json)).toMatchObject({
    name: "python",
    module: "@volantvm/fledge/presets/python",
    options: [{ name: "app", type: "string", isRequired: true }, {}, { name: "server", default: "gunicorn" }, {}],
  });
});

test("fledge presets knows what was meant", async () => {
  expect(await fledge(["presets", "ngnix"])).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/there is no preset "ngnix"\n.*did you mean "nginx"\?/),
  });
  expect(await fledge(["presets", "nginx", "caddy"])).toMatchObject({ code: 2 });
});
