import { expect, it } from "vitest";
import { renderTemplate } from "../../../../src/rootfs/edit/template.ts";

it("puts values in, and leaves other braces alone", () => {
  const text =
    "listen {{ port }}; server_name {{site.name}};\nlocation / { try_files $uri; } {{}} {{ a b }} \\{{ port }}\n";
  expect(renderTemplate(text, { port: 8080, "site.name": "{{ port }} $& $1" })).toBe(
    "listen 8080; server_name {{ port }} $& $1;\nlocation / { try_files $uri; } {{}} {{ a b }} {{ port }}\n",
  );
  expect(renderTemplate("{{on}}{{on}}{{empty}}", { on: false, empty: "" })).toBe("falsefalse");
});

it("names every value that is missing, and what was meant", () => {
  expect(() => renderTemplate("{{ port }} {{ host }} {{ port }}", { prot: 1 })).toThrow(
    expect.objectContaining({
      code: "rootfs",
      message: 'the template asks for "port", "host", which the values lack',
      hint: 'did you mean "prot"?',
    }),
  );
  expect(() => renderTemplate("{{ toString }}", {})).toThrow(expect.objectContaining({ hint: "known: none" }));
});
