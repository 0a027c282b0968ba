import { fileURLToPath } from "node:url";
import ts from "typescript-js";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const FILE = `${ROOT}test/editor/fledge.config.ts`;
/** Where the cursor is in a text. */
const CURSOR = "▮";

/** What an editor shows of a config while a person writes it: the language service, on the declarations that are published. */
export class Editor {
  #text = "";
  #version = 0;
  readonly #service: ts.LanguageService;

  constructor() {
    const options: ts.CompilerOptions = {
      ...ts.getDefaultCompilerOptions(),
      target: ts.ScriptTarget.ES2023,
      module: ts.ModuleKind.NodeNext,
      moduleResolution: ts.ModuleResolutionKind.NodeNext,
      strict: true,
      skipLibCheck: true,
      noEmit: true,
      types: ["node"],
      paths: {
        "@volantvm/fledge": [`${ROOT}dist/index.d.ts`],
        "@volantvm/fledge/*": [`${ROOT}dist/*/index.d.ts`],
      },
    };
    this.#service = ts.createLanguageService({
      getCompilationSettings: () => options,
      getScriptFileNames: () => [FILE],
      getScriptVersion: (file) => (file === FILE ? String(this.#version) : "0"),
      getScriptSnapshot: (file) => {
        const text = file === FILE ? this.#text : ts.sys.readFile(file);
        return text === undefined ? undefined : ts.ScriptSnapshot.fromString(text);
      },
      getCurrentDirectory: () => ROOT,
      getDefaultLibFileName: ts.getDefaultLibFilePath,
      fileExists: (file) => file === FILE || ts.sys.fileExists(file),
      readFile: ts.sys.readFile,
      readDirectory: ts.sys.readDirectory,
      directoryExists: ts.sys.directoryExists,
      getDirectories: ts.sys.getDirectories,
      realpath: (path) => ts.sys.realpath?.(path) ?? path,
    });
  }

  /** The names that are offered at the cursor, in the order of their kind; words of the language are left out. */
  completions(text: string): readonly string[] {
    const at = this.#open(text);
    const entries = this.#service.getCompletionsAtPosition(FILE, at, {})?.entries ?? [];
    return entries
      .filter(({ sortText, kind }) => sortText <= "12" && kind !== ts.ScriptElementKind.keyword)
      .map(({ name }) => name);
  }

  /** The text beside an entry of the list, or undefined where there is no such entry. */
  textOf(text: string, name: string): string | undefined {
    const at = this.#open(text);
    const details = this.#service.getCompletionEntryDetails(FILE, at, name, {}, undefined, {}, undefined);
    return details && ts.displayPartsToString(details.documentation);
  }

  /** What is marked as wrong: each with the text that is marked. */
  problems(text: string): readonly { at: string; says: string }[] {
    this.#open(text);
    const found = [...this.#service.getSyntacticDiagnostics(FILE), ...this.#service.getSemanticDiagnostics(FILE)];
    return found.map(({ start = 0, length = 0, messageText }) => ({
      at: this.#text.slice(start, start + length),
      says: ts.flattenDiagnosticMessageText(messageText, "\n"),
    }));
  }

  /** Every type that the package exports, as its declarations have it; of a type with a schema what the schema takes. */
  publicTypes(): string {
    this.#open('import * as sdk from "@volantvm/fledge";\nsdk;\ntype Recipe = sdk.AnyPlugin;');
    const program = this.#service.getProgram();
    const file = program?.getSourceFile(FILE);
    if (program === undefined || file === undefined) throw new Error("there is no program");
    const checker = program.getTypeChecker();
    const [, sdk, recipe] = file.statements;
    const namespace = checker.getTypeAtLocation((sdk as ts.ExpressionStatement).expression).symbol;
    const printer = ts.createPrinter({ removeComments: true });
    const exported = checker.getExportsOfModule(namespace).map((symbol) => {
      const meant = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
      const texts = (meant.declarations ?? []).map((node) =>
        printer.printNode(ts.EmitHint.Unspecified, node, node.getSourceFile()),
      );
      return `${symbol.name}\n${texts.join("\n")}`;
    });
    const variants = checker.getTypeAtLocation(recipe as ts.Node);
    const options = (variants.isUnion() ? variants.types : [variants]).flatMap((variant) =>
      variant.getProperties().map((property) => {
        const type = checker.getTypeOfSymbol(property);
        return `${property.name}: ${checker.typeToString(type, undefined, ts.TypeFormatFlags.NoTruncation)}`;
      }),
    );
    return [...exported.toSorted(), ...new Set(options)].join("\n\n");
  }

  /** Returns the offset of the cursor, or 0. */
  #open(text: string): number {
    const at = text.indexOf(CURSOR);
    this.#text = text.replace(CURSOR, "");
    this.#version++;
    return Math.max(at, 0);
  }
}
