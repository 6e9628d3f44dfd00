/**
 * `npm run lock`: run it after npm changed package-lock.json on a machine whose registry does not carry the binaries of
 * other platforms. Adds the entries npm left out; without them `npm ci` fails everywhere.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { completeLock } from './lockfile.ts';

const path = 'package-lock.json';
const before = await readFile(path, 'utf8');
const { text, added } = completeLock(before);
if (added.length > 0) await writeFile(path, text);
process.stdout.write(added.length === 0 ? 'Nothing was missing.\n' : `Added ${added.join(', ')}.\n`);
