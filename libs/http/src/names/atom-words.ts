import { POLICY_FIELDS } from '@message-vault/metadata';
import { HttpProblem, problemOf } from '../problems.ts';
import { elementOf } from './atom-values.ts';

const FIELDS: ReadonlySet<string> = new Set(
  Object.values(POLICY_FIELDS).flatMap((fields) => fields.map(({ name }) => name)),
);
/** What a client has said is told in quotes, like in JSON. */
const QUOTED_OR_WORD = /"(?:[^"\\]|\\.)*"|[A-Za-z]+/g;
/** Among the fields there may be: an entry tells it by the element of the policy. */
const ROLE_FIELD = /\brole, /;

/** What is wrong with the policy in an entry, told by its elements instead of the fields JSON has. */
export function inWordsOfAtom(error: unknown): unknown {
  const problem = problemOf(error);
  if (problem?.code !== 'bad_policy' && problem?.code !== 'not_changeable') return error;
  const { field = '' } = problem.recovery;
  const detail = problem.message.replace(ROLE_FIELD, '').replace(QUOTED_OR_WORD, (word) => {
    const isUnknown = word === JSON.stringify(field) && !FIELDS.has(field);
    if (isUnknown) return JSON.stringify(elementOf(field));
    return FIELDS.has(word) ? elementOf(word) : word;
  });
  const recovery = { ...problem.recovery, ...(field === '' ? {} : { field: elementOf(field) }) };
  return new HttpProblem(problem.code, detail, recovery, { cause: error });
}
