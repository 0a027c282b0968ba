/**
 * A step of the build: gives the keys of options in `dist/` the text of their `.describe()`, as a comment that
 * editors show. TypeScript writes the type of a schema into its declarations without a word of what it says at run time.
 */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import ts from "typescript-js";

const DIST = fileURLToPath(new URL("../dist", import.meta.url));
const SRC = fileURLToPath(new URL("../src", import.meta.url));

/** A zod schema, as far as it is read here. */
type Schema = {
  readonly description?: string;
  readonly def: {
    readonly innerType?: Schema;
    readonly element?: Schema;
    readonly valueType?: Schema;
    readonly options?: readonly Schema[];
    readonly in?: Schema;
  };
  readonly shape?: Readonly<Record<string, Schema>>;
};

type DescribedPreset = { readonly preset: { readonly options: Schema } };

type Comment = { readonly at: number; readonly text: string };

for (const file of readdirSync(DIST, { recursive: true, encoding: "utf8" })) {
  if (!file.endsWith(".d.ts")) continue;
  const path = join(DIST, file);
  const text = readFileSync(path, "utf8");
  if (!text.includes("z.ZodObject<{")) continue;
  const module: Record<string, unknown> = await import(pathToFileURL(join(SRC, file.replace(/\.d\.ts$/, ".ts"))).href);
  writeFileSync(path, commented(text, module));
}

/** The declarations of a module with a comment at every key of its schemas. */
function commented(text: string, module: Readonly<Record<string, unknown>>): string {
  const source = ts.createSourceFile("module.d.ts", text, ts.ScriptTarget.Latest, true);
  const comments: Comment[] = [];
  source.forEachChild(function visit(node) {
    if (ts.isVariableDeclaration(node) && node.type !== undefined && ts.isIdentifier(node.name)) {
      const { text: name } = node.name;
      collect(node.type, module[name === "_default" ? "default" : name], comments);
    } else node.forEachChild(visit);
  });
  const inOrder = comments.toSorted((a, b) => a.at - b.at);
  const ends = [0, ...inOrder.map(({ at }) => at), text.length];
  return ends
    .slice(1)
    .map((end, index) => text.slice(ends[index], end) + (inOrder[index]?.text ?? ""))
    .join("");
}

/** Walks a type and the schema that it is the type of side by side. */
function collect(type: ts.TypeNode, value: unknown, comments: Comment[]): void {
  if (!ts.isTypeReferenceNode(type) && !ts.isImportTypeNode(type)) return;
  const [first, second] = type.typeArguments ?? [];
  if (first === undefined) return;
  const kind = (ts.isImportTypeNode(type) ? type.qualifier : type.typeName)?.getText().replace(/^z\./, "");
  if (kind === "DescribedPreset") {
    collect(first, (value as DescribedPreset).preset.options, comments);
    return;
  }
  const schema = value as Schema | undefined;
  if (schema?.def === undefined) return;
  if (kind === "ZodObject" && ts.isTypeLiteralNode(first)) {
    for (const member of first.members) {
      if (!ts.isPropertySignature(member) || member.type === undefined) continue;
      const option = schema.shape?.[(member.name as ts.Identifier | ts.StringLiteral).text];
      const said = option && descriptionOf(option);
      if (said !== undefined) comments.push({ at: member.getStart(), text: asComment(said, member) });
      collect(member.type, option, comments);
    }
  } else if (kind === "ZodUnion" || kind === "ZodDiscriminatedUnion") {
    const variants = ts.isTypeOperatorNode(first) && ts.isTupleTypeNode(first.type) ? first.type.elements : [];
    variants.forEach((variant, index) => {
      collect(variant, schema.def.options?.[index], comments);
    });
  } else if (kind === "ZodRecord") {
    if (second !== undefined) collect(second, schema.def.valueType, comments);
  } else {
    const { innerType, element, in: input } = schema.def;
    collect(first, innerType ?? element ?? input, comments);
  }
}

/** What is said of an option; wrappers such as `.optional()` say it in what they wrap. */
function descriptionOf({ description, def }: Schema): string | undefined {
  return description ?? (def.innerType && descriptionOf(def.innerType));
}

function asComment(text: string, member: ts.Node): string {
  const { character } = ts.getLineAndCharacterOfPosition(member.getSourceFile(), member.getStart());
  return `/** ${text.replaceAll("*/", "*\\/")} */\n${" ".repeat(character)}`;
}
