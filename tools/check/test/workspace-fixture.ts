import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { onTestFinished } from 'vitest';

/** A folder with these files (path to text), gone when the test is over. Returns its path. */
export async function folderWith(files: Readonly<Record<string, string>>): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), 'check-'));
  onTestFinished(() => rm(root, { recursive: true, force: true }));
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), text);
  }
  return root;
}

/** The package.json of `libs/<name>` and the like, with its public door and perhaps more of them. */
export function manifest(name: string, doors: Readonly<Record<string, string>> = {}): string {
  return JSON.stringify({ name: `@message-vault/${name}`, exports: { '.': './src/index.ts', ...doors } });
}
