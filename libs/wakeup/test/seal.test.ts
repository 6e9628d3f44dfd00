import { VirtualRuntime } from '@message-vault/runtime/testing';
import { describe, expect, it } from 'vitest';
import { Seal, type SealedPlace } from '../src/seal.ts';
import { landed } from './landed.ts';

type Secrets = [Uint8Array, ...Uint8Array[]];

const place: SealedPlace = {
  streamId: '6f1c2a34-5b6d-4e7f-8a9b-0c1d2e3f4a5b',
  tailPage: 42,
  sender: '0f8fad5b-d9cb-469f-a165-70867728950e',
};
const commit = landed('a commit, or what is taken for one');

/** The seal of one process that knows the secret already, and the one before it. */
async function sealOf(secret: string, ...before: string[]): Promise<Seal> {
  const secrets = (): Secrets => [Buffer.from(secret), ...before.map((each) => Buffer.from(each))];
  const seal = new Seal(() => Promise.resolve(secrets()), new VirtualRuntime());
  seal.close(commit, place);
  await Promise.resolve();
  return seal;
}

async function sealed(): Promise<string> {
  const text = (await sealOf('secret')).close(commit, place);
  if (text === undefined) throw new Error('nothing was sealed');
  return text;
}

describe('a sealed commit', () => {
  it('opens as it was in another process of the cluster', async () => {
    expect((await sealOf('secret')).open(await sealed(), place)).toEqual(commit);
  });

  it('shows nothing of what is in it, and is never the same twice', async () => {
    const seal = await sealOf('secret');
    const texts = [seal.close(commit, place), seal.close(commit, place)];
    expect(texts[0]).not.toBe(texts[1]);
    expect(Buffer.from(texts[0] ?? '', 'base64').toString('latin1')).not.toContain('commit');
  });

  it('does not open with another secret', async () => {
    expect((await sealOf('another')).open(await sealed(), place)).toBeUndefined();
  });

  it('opens where its secret has been replaced, but not where that was long ago', async () => {
    expect((await sealOf('newer', 'secret')).open(await sealed(), place)).toEqual(commit);
    expect((await sealOf('newest', 'newer')).open(await sealed(), place)).toBeUndefined();
  });

  it.each<[string, Partial<SealedPlace>]>([
    ['for another stream', { streamId: '00000000-5b6d-4e7f-8a9b-0c1d2e3f4a5b' }],
    ['for another page', { tailPage: 43 }],
    ['from another sender', { sender: '00000000-d9cb-469f-a165-70867728950e' }],
  ])('does not open %s', async (_, other) => {
    expect((await sealOf('secret')).open(await sealed(), { ...place, ...other })).toBeUndefined();
  });

  it('does not open when one bit of it was changed, or a part is missing', async () => {
    const seal = await sealOf('secret');
    const bytes = Buffer.from(await sealed(), 'base64');
    for (let at = 0; at < bytes.byteLength; at += 1) {
      const changed = Buffer.from(bytes);
      changed[at] = (changed[at] ?? 0) ^ 1;
      expect(seal.open(changed.toString('base64'), place), `byte ${at}`).toBeUndefined();
      expect(seal.open(bytes.subarray(0, at).toString('base64'), place), `cut at ${at}`).toBeUndefined();
    }
  });
});

describe('a seal', () => {
  it('does nothing until the secret is known, and asks again after a while when it could not be had', async () => {
    const runtime = new VirtualRuntime();
    const asked: PromiseWithResolvers<Secrets>[] = [];
    const seal = new Seal(() => {
      const asking = Promise.withResolvers<Secrets>();
      asked.push(asking);
      return asking.promise;
    }, runtime);
    expect(seal.close(commit, place)).toBeUndefined();
    expect(seal.open(await sealed(), place)).toBeUndefined();
    asked[0]?.reject(new Error('the storage does not answer'));
    await runtime.advance(9_000);
    expect(seal.close(commit, place)).toBeUndefined();
    expect(asked).toHaveLength(1);
    await runtime.advance(1_000);
    expect(seal.close(commit, place)).toBeUndefined();
    expect(asked).toHaveLength(2);
    asked[1]?.resolve([Buffer.from('secret')]);
    await runtime.advance(0);
    expect(seal.open(await sealed(), place)).toEqual(commit);
  });

  it('hears within some seconds that the secret was replaced, and closes with the new one from then on', async () => {
    const runtime = new VirtualRuntime();
    let secrets: Secrets = [Buffer.from('secret')];
    const seal = new Seal(() => Promise.resolve(secrets), runtime);
    const closed = async (): Promise<string> => {
      seal.close(commit, place);
      await runtime.advance(0);
      return seal.close(commit, place) ?? '';
    };
    expect((await sealOf('secret')).open(await closed(), place)).toEqual(commit);
    secrets = [Buffer.from('newer'), Buffer.from('secret')];
    await runtime.advance(10_000);
    expect((await sealOf('newer')).open(await closed(), place)).toEqual(commit);
    expect(seal.open(await sealed(), place)).toEqual(commit);
  });

  it('knows its key however many others it has heard of', async () => {
    const seal = await sealOf('secret');
    const text = await sealed();
    for (let other = 0; other < 200; other += 1) seal.open(text, { ...place, sender: `other ${other}` });
    expect(seal.open(text, place)).toEqual(commit);
  });
});
