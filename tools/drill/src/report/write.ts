import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Report } from './data.ts';
import { page } from './page.ts';

export async function writeReport(folder: string, report: Report): Promise<void> {
  await writeFile(join(folder, 'report.json'), `${JSON.stringify(report, null, 1)}\n`);
  await writeFile(join(folder, 'report.html'), page(report));
}
