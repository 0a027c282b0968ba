import ts from "typescript";

/** The names that a declaration file exports and that have no TSDoc comment, sorted. */
export function undocumentedExports(declarations: string): string[] {
  const options: ts.CompilerOptions = { module: ts.ModuleKind.NodeNext, skipLibCheck: true, types: [] };
  const program = ts.createProgram([declarations], options);
  const checker = program.getTypeChecker();
  const source = program.getSourceFile(declarations);
  const module = source && checker.getSymbolAtLocation(source);
  if (module === undefined) throw new Error(`${declarations} is not a module`);
  return checker
    .getExportsOfModule(module)
    .filter((symbol) => declared(symbol, checker).getDocumentationComment(checker).length === 0)
    .map(({ name }) => name)
    .sort();
}

/** What a re-export leads to. */
function declared(symbol: ts.Symbol, checker: ts.TypeChecker): ts.Symbol {
  return symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
}
