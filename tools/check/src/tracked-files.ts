import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { lockfileFindings } from './lockfile.ts';
import { type TextRule, textFindings, textRules } from './text-rules.ts';

/** Files whose text is nobody's writing, or whose bytes are no text. */
const NOT_OURS = /(^|\/)(golden|fixtures)\/|\.(png|ico|woff2|bin|gz)$/;

/**
 * What is wrong with the files git tracks under `root`, as `path:line: finding`, in the order of the paths.
 * Files in the index that are not on disk (deleted, not yet committed) are passed over.
 */
export async function trackedFileFindings(root: string): Promise<string[]> {
  const { stdout } = await promisify(execFile)('git', ['ls-files', '-z'], {
    cwd: root,
    maxBuffer: 64 * 1024 * 1024,
  });
  const rules = [...textRules, ...thisMachine(root)];
  const findings: string[] = [];
  for (const path of stdout.split('\0').filter((path) => path !== '' && !NOT_OURS.test(path))) {
    const text = await readIfThere(join(root, path));
    if (text === undefined) continue;
    if (path.endsWith('package-lock.json')) findings.push(...lockfileFindings(path, text));
    else findings.push(...textFindings(path, text, rules));
  }
  return findings;
}

/** The folders of whoever runs this are machine paths wherever they turn up, whatever they look like. */
function thisMachine(root: string): TextRule[] {
  return [root, homedir()]
    .filter((folder) => folder.length > 1)
    .map((folder) => ({
      says: 'a path of this machine',
      pattern: new RegExp(`(?<![\\w./-])${escapeRegExp(folder)}(?![\\w-])`),
    }));
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

const escapeRegExp = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
