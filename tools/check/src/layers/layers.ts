import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cyclesIn } from './cycles.ts';
import { type ImportSite, importsOf } from './imports.ts';
import { outsideRefusal, refusal } from './rules.ts';
import { readWorkspace, resolveImport, type Workspace } from './workspace.ts';

/**
 * Every import in the workspace under `root` that goes upwards, past a public door, in a circle or nowhere, as
 * `path:line: finding`.
 *
 * Our own rather than dependency-cruiser because that needs the compiler API TypeScript 7 no longer has, and stops at
 * `using` when given another parser.
 */
export async function layerFindings(root: string): Promise<string[]> {
  const workspace = await readWorkspace(root);
  const graph = new Map<string, string[]>();
  const findings: string[] = [];
  for (const file of workspace.files) {
    const targets: string[] = [];
    graph.set(file, targets);
    for (const site of importsOf(file, await readFile(join(root, file), 'utf8'))) {
      const finding = await judge(workspace, file, site, targets);
      if (finding) findings.push(`${file}:${site.line}: ${site.specifier}: ${finding}`);
    }
  }
  for (const cycle of cyclesIn(graph))
    findings.push(`${cycle[0]}: imports in a circle: ${cycle.join(' → ')}`);
  return findings;
}

async function judge(
  workspace: Workspace,
  file: string,
  site: ImportSite,
  targets: string[],
): Promise<string | undefined> {
  const target = await resolveImport(workspace, file, site.specifier);
  if ('nowhere' in target) return target.nowhere;
  if ('outside' in target) return outsideRefusal(file, target.outside);
  targets.push(target.file);
  return refusal(file, target.file, site.specifier);
}
