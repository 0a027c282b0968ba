import { relative } from "node:path";
import ts from "typescript-js";

/** What declaration files export without a TSDoc comment, each as `FILE: NAME`, with the files relative to `root`. */
export function undocumentedExports(root: string, files: readonly string[]): string[] {
  const options: ts.CompilerOptions = { module: ts.ModuleKind.NodeNext, skipLibCheck: true, types: [] };
  const program = ts.createProgram(files, options);
  const checker = program.getTypeChecker();
  return files.flatMap((file) => {
    const source = program.getSourceFile(file);
    const module = source && checker.getSymbolAtLocation(source);
    if (module === undefined) throw new Error(`${file} is not a module`);
    return checker
      .getExportsOfModule(module)
      .filter((symbol) => declared(symbol, checker).getDocumentationComment(checker).length === 0)
      .map(({ name }) => `${relative(root, file)}: ${name}`);
  });
}

/** What a re-export leads to. */
function declared(symbol: ts.Symbol, checker: ts.TypeChecker): ts.Symbol {
  return symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
}
