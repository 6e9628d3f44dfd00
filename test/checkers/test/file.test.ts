import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import {
  encodeEvent,
  HistoryChecker,
  type HistoryEvent,
  openHistory,
  parseEvent,
  readHistory,
} from '../src/index.ts';
import { goodHistory, someHistory } from './good-history.ts';

async function temporaryFile(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'history-'));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  return join(dir, 'history.ndjson');
}

async function eventsIn(path: string): Promise<HistoryEvent[]> {
  const events: HistoryEvent[] = [];
  for await (const batch of readHistory(path)) events.push(...batch);
  return events;
}

describe('a history file', () => {
  it('gives back every event that was added, in order', async () => {
    const path = await temporaryFile();
    const history = openHistory(path);
    for (const event of someHistory()) history.add(event);
    await history.close();
    expect(await eventsIn(path)).toEqual(someHistory());
  });

  it('larger than one read of the disk is put together right', async () => {
    const path = await temporaryFile();
    const made = goodHistory(
      Array.from({ length: 6_000 }, () => ({ producer: 'a', outcome: 'ack' as const })),
    );
    const history = openHistory(path);
    for (const event of made) history.add(event);
    await history.close();
    const checker = new HistoryChecker();
    for await (const batch of readHistory(path)) for (const event of batch) checker.add(event);
    expect(checker.finish()).toMatchObject({
      ok: true,
      events: made.length,
      messages: { acked: 6_000, stored: 6_000 },
    });
  });

  it('that cannot be written says so when it is closed', async () => {
    const history = openHistory(join(await temporaryFile(), 'not-a-folder', 'x'));
    history.add({ kind: 'mark', at: 0, name: 'fault' });
    await expect(history.close()).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('whose last line was cut off is refused, with the line', async () => {
    const path = await temporaryFile();
    await writeFile(path, `${encodeEvent({ kind: 'mark', at: 0, name: 'fault' })}\n{"kind":"mark","at`);
    await expect(eventsIn(path)).rejects.toMatchObject({ code: 'malformed', line: 2 });
  });
});

describe('a line', () => {
  it.each([
    ['', 'no JSON'],
    ['[]', 'no such kind'],
    ['null', 'no object'],
    ['{"kind":"ends"}', 'no such kind of event: ends'],
    ['{"kind":"toString"}', 'no such kind'],
    ['{"kind":"mark","at":"0","name":"x"}', 'at of mark should be a time'],
    ['{"kind":"fail","at":0,"stream":"s","producer":"p","sequence":-1,"code":"x"}', 'sequence of fail'],
    ['{"kind":"fail","at":0,"stream":"s","producer":"p","sequence":1.5,"code":"x"}', 'sequence of fail'],
    ['{"kind":"fail","at":0,"stream":"s","producer":"p","sequence":1e15,"code":"x"}', 'sequence of fail'],
    ['{"kind":"fail","at":0,"stream":"s","producer":null,"sequence":1,"code":"x"}', 'producer of fail'],
    ['{"kind":"leader","at":0,"observer":"o","nodeId":"n","epoch":null}', 'epoch of leader'],
  ])('%s is refused: %s', (line, why) => {
    expect(() => parseEvent(line, 7)).toThrow(expect.objectContaining({ code: 'malformed', line: 7 }));
    expect(() => parseEvent(line, 7)).toThrow(new RegExp(`line 7: .*${why}`));
  });

  it('of every kind of event comes back as it was', () => {
    const events: HistoryEvent[] = [...someHistory(), { kind: 'mark', at: 1.5, name: 'fault' }];
    expect(new Set(events.map(({ kind }) => kind)).size).toBe(8);
    for (const event of events) expect(parseEvent(encodeEvent(event))).toEqual(event);
  });
});
