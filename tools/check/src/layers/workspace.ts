import { access, glob, readFile } from 'node:fs/promises';
import { dirname, join, normalize } from 'node:path';

/** A package of this workspace. */
interface Package {
  /** As others import it: `@message-vault/log`. */
  name: string;
  /** Folder from the root: `libs/log`. */
  folder: string;
  /** What others may import: by subpath (`.`, `./testing`), the file behind it, from the root. */
  doors: ReadonlyMap<string, string>;
}

/** Sources of the workspace and its packages. Paths are relative to the root, with forward slashes. */
export interface Workspace {
  root: string;
  packages: readonly Package[];
  files: readonly string[];
}

const GROUPS = '{apps,libs,tools,test}';

export async function readWorkspace(root: string): Promise<Workspace> {
  const manifests = await found(root, `${GROUPS}/*/package.json`);
  const files = await found(root, `${GROUPS}/*/{src,test,bin}/**/*.{ts,tsx,js,mjs,cjs}`);
  return {
    root,
    packages: await Promise.all(manifests.map((path) => readPackage(root, path))),
    files: files.filter((path) => !/(^|\/)(node_modules|golden|fixtures)\//.test(path)),
  };
}

async function found(root: string, pattern: string): Promise<string[]> {
  return (await Array.fromAsync(glob(pattern, { cwd: root }))).sort();
}

async function readPackage(root: string, manifest: string): Promise<Package> {
  const folder = dirname(manifest);
  const content: { name?: unknown; exports?: unknown } = JSON.parse(
    await readFile(join(root, manifest), 'utf8'),
  );
  if (typeof content.name !== 'string') throw new Error(`${manifest} has no name`);
  return { name: content.name, folder, doors: doorsOf(folder, content.exports) };
}

function doorsOf(folder: string, exports: unknown): Map<string, string> {
  const targets = typeof exports === 'string' ? { '.': exports } : (exports ?? {});
  const doors = Object.entries(targets).filter(
    (entry): entry is [string, string] => typeof entry[1] === 'string',
  );
  return new Map(doors.map(([subpath, target]) => [subpath, join(folder, target)]));
}

/**
 * Where an import leads: a file of the workspace, a module from outside (a dependency, or Node's own), or nowhere,
 * with the reason in words.
 */
export type Target = { file: string } | { outside: string } | { nowhere: string };

export async function resolveImport(workspace: Workspace, from: string, specifier: string): Promise<Target> {
  if (specifier.startsWith('.')) return resolveRelative(workspace, from, specifier);
  const owner = workspace.packages.find(({ name }) => specifier === name || specifier.startsWith(`${name}/`));
  if (!owner) return { outside: specifier };
  const subpath = `.${specifier.slice(owner.name.length)}`;
  const door = owner.doors.get(subpath);
  if (!door)
    return { nowhere: `${owner.name} has no public door ${subpath} (see its package.json, exports)` };
  return (await exists(join(workspace.root, door))) ? { file: door } : { nowhere: `${door} is not there` };
}

async function resolveRelative(workspace: Workspace, from: string, specifier: string): Promise<Target> {
  const file = normalize(join(dirname(from), specifier));
  return (await exists(join(workspace.root, file))) ? { file } : { nowhere: `${file} is not there` };
}

async function exists(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch {
    return false;
  }
}
