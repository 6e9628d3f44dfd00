import { parseSync, Visitor } from 'oxc-parser';

/** One place where a file names a module: an import, a re-export, `import()` or the type `import('…').T`. */
export interface ImportSite {
  specifier: string;
  /** Starts at 1. */
  line: number;
}

/**
 * Every module that a TypeScript or JavaScript source names, types included, in the order of the text.
 * `import()` of anything but a literal is passed over: where it leads is only known when it runs.
 * Throws SyntaxError when the source does not parse.
 */
export function importsOf(path: string, source: string): ImportSite[] {
  const { program, errors } = parseSync(path, source);
  const [first] = errors;
  if (first) throw new SyntaxError(`${path}: ${first.message}`);
  const found: { specifier: string; at: number }[] = [];
  const add = (node: { value: unknown; start: number } | null): void => {
    if (typeof node?.value === 'string') found.push({ specifier: node.value, at: node.start });
  };
  new Visitor({
    ImportDeclaration: (node) => add(node.source),
    ExportNamedDeclaration: (node) => add(node.source),
    ExportAllDeclaration: (node) => add(node.source),
    ImportExpression: (node) => add(literal(node.source)),
    TSImportType: (node) => add(node.source),
  }).visit(program);
  return found
    .sort((a, b) => a.at - b.at)
    .map(({ specifier, at }) => ({ specifier, line: source.slice(0, at).split('\n').length }));
}

const literal = (node: object & { start: number }): { value: unknown; start: number } | null =>
  'value' in node ? { value: node.value, start: node.start } : null;
