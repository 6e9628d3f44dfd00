import { VirtualRuntime } from '@message-vault/runtime/testing';
import { describe, expect, it } from 'vitest';
import { defaultElectionSettings, type WitnessAnswer } from '../src/index.ts';
import { judge, Witnesses } from '../src/witness-round.ts';

const ANSWERS: WitnessAnswer[] = ['reachable', 'unreachable', 'no_answer'];

/** All lists of up to `length` answers. */
function lists(length: number): WitnessAnswer[][] {
  if (length === 0) return [[]];
  const shorter = lists(length - 1);
  return [
    ...shorter,
    ...shorter
      .filter((list) => list.length === length - 1)
      .flatMap((list) => ANSWERS.map((answer) => [...list, answer])),
  ];
}

function setUp(answers: Record<string, WitnessAnswer | 'silence'>) {
  const runtime = new VirtualRuntime();
  const asked: string[] = [];
  const witnesses = new Witnesses({
    runtime,
    settings: defaultElectionSettings,
    urls: () => Object.keys(answers),
    onVerdict: () => {},
    probes: {
      probe: async () => ({ ok: false }),
      notify: async () => false,
      askWitness: (url) => {
        asked.push(url);
        const answer = answers[url] ?? 'silence';
        return answer === 'silence' ? new Promise(() => {}) : Promise.resolve(answer);
      },
    },
  });
  return { runtime, witnesses, asked, answers };
}

describe('witnesses', () => {
  it('decide as soon as the missing answers can not change anything, whatever they are, and never otherwise', () => {
    for (const heard of lists(4)) {
      for (let missing = 0; missing <= 3; missing++) {
        const asked = heard.length + missing;
        const endings = lists(missing).filter((list) => list.length === missing);
        const verdicts = new Set(endings.map((ending) => judge([...heard, ...ending], asked)));
        const early = judge(heard, asked);
        expect(verdicts.has(undefined)).toBe(false);
        if (early !== undefined) expect(verdicts).toEqual(new Set([early]));
      }
    }
  });

  it.each([
    [['reachable'], 'most_reach'],
    [['unreachable'], 'most_do_not'],
    [['no_answer'], 'no_answer'],
    [['reachable', 'reachable', 'unreachable'], 'most_reach'],
    [['reachable', 'unreachable', 'unreachable'], 'most_do_not'],
    // Whoever asks does not reach the leader either.
    [['reachable', 'unreachable'], 'most_do_not'],
    [['reachable', 'no_answer', 'no_answer'], 'most_reach'],
    [['unreachable', 'no_answer', 'no_answer'], 'most_do_not'],
  ] as const)('%j mean %s', (answers, verdict) => {
    expect(judge(answers, answers.length)).toBe(verdict);
  });

  it('are none when none is configured', () => {
    expect(setUp({}).witnesses.verdict).toBe('none_configured');
  });

  it('that do not answer are not waited for longer than a probe', async () => {
    const { runtime, witnesses } = setUp({ 'http://w1': 'silence' });
    witnesses.ask('http://leader');
    expect(witnesses.verdict).toBe('asking');
    await runtime.advance(400);
    expect(witnesses.verdict).toBe('no_answer');
  });

  it('are asked again and again, and the verdict follows them', async () => {
    const { runtime, witnesses, answers, asked } = setUp({ 'http://w1': 'reachable' });
    witnesses.ask('http://leader');
    await runtime.advance(10);
    expect(witnesses.verdict).toBe('most_reach');
    answers['http://w1'] = 'unreachable';
    await runtime.advance(600);
    expect(witnesses.verdict).toBe('most_do_not');
    expect(asked).toHaveLength(2);
  });

  it('are not asked any more once the leader is well, and what they said then is forgotten', async () => {
    const { runtime, witnesses, asked } = setUp({ 'http://w1': 'reachable' });
    witnesses.ask('http://leader');
    await runtime.advance(10);
    witnesses.stop();
    await runtime.advance(5000);
    expect(asked).toHaveLength(1);
    expect(witnesses.verdict).toBe('asking');
    expect(witnesses.reports).toMatchObject([{ url: 'http://w1', answer: 'reachable' }]);
  });
});
