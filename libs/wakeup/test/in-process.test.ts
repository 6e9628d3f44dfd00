import type { LandedCommit } from '@message-vault/log';
import { describe, expect, it } from 'vitest';
import { inProcessWakeup } from '../src/index.ts';
import { landed } from './landed.ts';
import { recordingLogger } from './recording-logger.ts';

describe('wake-ups within one process', () => {
  it('reach every listener of the stream and none of another', () => {
    const wakeup = inProcessWakeup({ logger: recordingLogger().logger });
    const heard: string[] = [];
    wakeup.subscribe('a', (page) => heard.push(`first ${page}`));
    wakeup.subscribe('a', (page) => heard.push(`second ${page}`));
    wakeup.subscribe('b', (page) => heard.push(`other ${page}`));
    wakeup.announce('a', 3);
    expect(heard).toEqual(['first 3', 'second 3']);
  });

  it('bring the commit', () => {
    const wakeup = inProcessWakeup({ logger: recordingLogger().logger });
    const heard: (LandedCommit | undefined)[] = [];
    wakeup.subscribe('a', (_page, commit) => heard.push(commit));
    wakeup.announce('a', 3, landed('7'));
    wakeup.announce('a', 4);
    expect(heard).toEqual([landed('7'), undefined]);
  });

  it('count the same listener given twice as two, each with its own end', () => {
    const wakeup = inProcessWakeup({ logger: recordingLogger().logger });
    const heard: number[] = [];
    const listener = (page: number): void => void heard.push(page);
    const endFirst = wakeup.subscribe('a', listener);
    wakeup.subscribe('a', listener);
    wakeup.announce('a', 1);
    endFirst();
    endFirst();
    wakeup.announce('a', 2);
    expect(heard).toEqual([1, 1, 2]);
  });

  it('go on after a listener failed, and say so', () => {
    const { logger, warnings } = recordingLogger();
    const wakeup = inProcessWakeup({ logger });
    const heard: number[] = [];
    wakeup.subscribe('a', () => {
      throw new Error('broken listener');
    });
    wakeup.subscribe('a', (page) => heard.push(page));
    wakeup.announce('a', 9);
    expect(heard).toEqual([9]);
    expect(warnings()).toEqual(['a listener for growth failed']);
  });

  it('stop when it is closed', async () => {
    const wakeup = inProcessWakeup({ logger: recordingLogger().logger });
    const heard: number[] = [];
    wakeup.subscribe('a', (page) => heard.push(page));
    await wakeup.close();
    wakeup.announce('a', 1);
    wakeup.subscribe('a', (page) => heard.push(page));
    wakeup.announce('a', 2);
    expect(heard).toEqual([]);
  });
});
