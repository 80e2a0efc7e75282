/**
 * Leaves out of declarations what no program can see: modules export more than the entry points do,
 * for each other.
 *
 * @module
 */
import { posix } from "node:path";
import ts from "typescript";

/** A name in a module that stands for another one, in another module. */
interface Alias {
  readonly module: string;
  /** `undefined` for all names of the module. */
  readonly name: string | undefined;
  readonly isExported: boolean;
}

/** The declarations of a module. */
interface Module {
  readonly source: ts.SourceFile;
  /** The statements that declare a name: several for overloads. */
  readonly declared: Map<string, ts.Statement[]>;
  readonly aliases: Map<string, Alias>;
  /** The modules all of whose exports it exports. */
  readonly stars: string[];
  readonly needed: Set<string>;
}

/**
 * The declarations of the modules that entry points reach, each with only the statements and the
 * imported names that their exports need.
 *
 * @param entries The paths of the entry points.
 * @param texts The declarations by path.
 */
export function reachedDeclarations(
  entries: readonly string[],
  texts: ReadonlyMap<string, string>,
): Map<string, string> {
  const modules = new Map<string, Module>();
  const moduleAt = (path: string): Module => {
    let module = modules.get(path);
    if (module === undefined) modules.set(path, module = read(path, texts.get(path)!));
    return module;
  };
  const need = (path: string, name: string) => {
    const module = moduleAt(path);
    if (module.needed.has(name)) return;
    const statements = module.declared.get(name);
    const alias = module.aliases.get(name);
    if (statements === undefined && alias === undefined) {
      for (const star of module.stars) need(star, name);
      return;
    }
    module.needed.add(name);
    for (const statement of statements ?? []) visit(path, module, statement);
    if (alias?.name !== undefined) need(alias.module, alias.name);
    else if (alias !== undefined) needAll(alias.module);
  };
  const visit = (path: string, module: Module, node: ts.Node) => {
    if (
      ts.isIdentifier(node) && (module.declared.has(node.text) || module.aliases.has(node.text))
    ) {
      need(path, node.text);
    }
    if (ts.isImportTypeNode(node)) needAll(resolved(path, node.argument.getText(module.source)));
    ts.forEachChild(node, (child) => visit(path, module, child));
  };
  const needAll = (path: string) => {
    const { declared, aliases, stars } = moduleAt(path);
    for (const [name, [statement]] of declared) if (isExported(statement)) need(path, name);
    for (const [name, { isExported }] of aliases) if (isExported) need(path, name);
    stars.forEach(needAll);
  };
  entries.forEach(needAll);
  return new Map([...modules].map(([path, module]) => [path, textOf(module)]));
}

function read(path: string, text: string): Module {
  const source = ts.createSourceFile(path, text, ts.ScriptTarget.ESNext, true);
  const module: Module = {
    source,
    declared: new Map(),
    aliases: new Map(),
    stars: [],
    needed: new Set(),
  };
  for (const statement of source.statements) {
    if (ts.isImportDeclaration(statement)) {
      for (const { name, propertyName } of namesOf(statement)) {
        const target = resolved(path, statement.moduleSpecifier.getText());
        module.aliases.set(name, { module: target, name: propertyName, isExported: false });
      }
    } else if (ts.isExportDeclaration(statement) && statement.moduleSpecifier) {
      const target = resolved(path, statement.moduleSpecifier.getText());
      if (statement.exportClause === undefined) module.stars.push(target);
      for (const { name, propertyName } of namesOf(statement)) {
        module.aliases.set(name, { module: target, name: propertyName, isExported: true });
      }
    } else {
      for (const name of declaredBy(statement)) {
        module.declared.set(name, [...module.declared.get(name) ?? [], statement]);
      }
    }
  }
  return module;
}

/** The names that an import or export of names introduces, and what they are in the other module. */
function namesOf(
  statement: ts.ImportDeclaration | ts.ExportDeclaration,
): { name: string; propertyName: string }[] {
  const clause = ts.isImportDeclaration(statement)
    ? statement.importClause?.namedBindings
    : statement.exportClause;
  if (clause === undefined) return [];
  if (!ts.isNamedImports(clause) && !ts.isNamedExports(clause)) {
    throw new Error(`Cannot follow ${statement.getText()}: write it with names`);
  }
  return clause.elements.map(({ name, propertyName = name }) => ({
    name: name.text,
    propertyName: propertyName.text,
  }));
}

/** The names that a statement declares, or exports of those that the module has. */
function declaredBy(statement: ts.Statement): string[] {
  if (ts.isExportDeclaration(statement)) return namesOf(statement).map(({ name }) => name);
  if (ts.isVariableStatement(statement)) {
    return statement.declarationList.declarations.map(({ name }) => name.getText());
  }
  const { name } = statement as ts.Statement & { name?: ts.Identifier };
  return name === undefined ? [] : [name.text];
}

function isExported(statement: ts.Statement): boolean {
  return ts.isExportDeclaration(statement) || ts.canHaveModifiers(statement) &&
      (ts.getModifiers(statement) ?? []).some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword);
}

function resolved(path: string, specifier: string): string {
  return posix.join(posix.dirname(path), specifier.slice(1, -1)).replace(/\.js$/, ".d.ts");
}

/** The text of what is needed of a module; its first comment stays, which may be that of the module. */
function textOf({ source, needed }: Module): string {
  const parts = source.statements.map((statement) => {
    const text = statement.getFullText(source);
    const isImport = ts.isImportDeclaration(statement);
    if (!isImport && !(ts.isExportDeclaration(statement) && statement.exportClause)) {
      const names = declaredBy(statement);
      return names.length === 0 || names.some((name) => needed.has(name)) ? text : "";
    }
    const names = namesOf(statement);
    const kept = names.filter(({ name }) => needed.has(name));
    if (names.length > 0 && kept.length === 0) return "";
    if (kept.length === names.length) return text;
    // A name, or a `type` and a name, between the braces.
    return text.replace(/\{[^}]*\}/, (list) => {
      const items = list.slice(1, -1).split(",").map((item) => item.trim()).filter(Boolean);
      return `{ ${items.filter((item) => needed.has(item.split(" ").at(-1)!)).join(", ")} }`;
    });
  });
  const [first] = source.statements;
  const intro = first && parts[0] === "" ? first.getFullText(source).match(INTRO)?.[0] ?? "" : "";
  const text = (intro + parts.join("")).trim();
  return `${text === "" ? "export {};" : text}\n`;
}

/** The doc comment of a module, before its first statement. */
const INTRO = /^\s*\/\*\*(?:(?!\*\/)[^])*@module(?:(?!\*\/)[^])*\*\//;
