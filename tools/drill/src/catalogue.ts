import type { Drill } from './drill.ts';
import { killMaster } from './drills/kill-master.ts';

/** Every drill, in the order they are run and listed. */
export const drills: readonly Drill[] = [killMaster];
