import { expect, it } from 'vitest';
import { bearerTokens } from '../src/azure/tokens.ts';
import { handClock } from './hand-clock.ts';

function counted() {
  const { runtime, pass } = handClock();
  let asked = 0;
  const credential = {
    getToken: async () => {
      asked += 1;
      return { token: `token ${asked}`, expiresOnTimestamp: 3_600_000 };
    },
  };
  return { tokens: bearerTokens(credential, runtime), pass };
}

it('a refused token is replaced, once however many requests it was refused for', async () => {
  const { tokens } = counted();
  expect(await tokens.current()).toBe('token 1');
  for (let n = 0; n < 5; n += 1) tokens.refused((token) => token === 'token 1');
  expect(await tokens.current()).toBe('token 2');
  tokens.refused((token) => token === 'token 1');
  expect(await tokens.current()).toBe('token 2');
});

it('whoever is refused again and again makes nobody ask for tokens all the time', async () => {
  const { tokens, pass } = counted();
  const refusedEachTime = async (): Promise<string> => {
    const current = await tokens.current();
    tokens.refused((token) => token === current);
    return current;
  };
  const seen = new Set<string>();
  for (let second = 0; second < 35; second += 1) {
    seen.add(await refusedEachTime());
    await pass(1000);
  }
  expect(seen.size).toBe(5);
});
