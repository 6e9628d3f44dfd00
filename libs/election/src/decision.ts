import { invariant } from '@message-vault/runtime';

/** What a node that does not lead sees, reduced to what the decision needs. The values are explained at the table. */
export const OBSERVABLE = {
  duty: ['contender', 'observer', 'refusing'],
  turn: ['mine', 'not_yet'],
  lease: ['held', 'free', 'unknown'],
  leader: ['none', 'other', 'former_self'],
  probe: ['ok', 'doubtful', 'unfit', 'unreachable'],
  storage: ['steady', 'unsteady'],
  witnesses: ['asking', 'most_reach', 'most_do_not', 'no_answer', 'none_configured'],
  alone: ['break', 'wait'],
} as const;

export type Observation = { readonly [Key in keyof typeof OBSERVABLE]: (typeof OBSERVABLE)[Key][number] };

export type Action = 'refuse' | 'look' | 'stand_by' | 'acquire' | 'break' | 'stand_by_cut_off';

export interface Row {
  readonly id: string;
  readonly when: { readonly [Key in keyof Observation]?: readonly Observation[Key][] };
  readonly act: Action;
  readonly why: string;
}

/**
 * What a node that does not lead does next. The first row all of whose conditions hold decides; a column that is not
 * mentioned may have any value.
 *
 *     duty       contender      may lead                     lease      held      somebody has it
 *                observer       never leads: a reader                   free      released, broken or expired
 *                refusing       the records contradict what             unknown   not looked at since things changed
 *                               is known: fail-stop          leader     none         no leader document: first start; or it names
 *                                                                                       this process, which has let go
 *     turn       mine                                                   other        the document names another process
 *                not_yet        backing off after a lost race,          former_self  it names this node, and its process
 *                               or leaving the cold start to                         of that time is certainly gone
 *                               the node configured to lead  witnesses  asking           no verdict yet
 *     probe      ok             ready and leading                       most_reach       more reach the leader than don't
 *                doubtful       no verdict: too few failures            most_do_not      the others, among them this node
 *                unfit          answers that it can't lead              no_answer        there are some, none answers
 *                unreachable    no answer                               none_configured
 *     storage    steady         answers this node            alone      what the settings say for the last two of these
 *                unsteady       has only just come back                 break / wait
 *
 *     actions: refuse            wait for a person           acquire           take the free lease, epoch + 1, lead
 *              look              read document and lease     break             break the lease, then as acquire
 *              stand_by          go on watching              stand_by_cut_off  the same, with an alarm
 */
export const DECISIONS: readonly Row[] = [
  {
    id: 'refusing',
    when: { duty: ['refusing'] },
    act: 'refuse',
    why: 'To lead on records that went backwards could give an epoch out twice.',
  },
  {
    id: 'observer',
    when: { duty: ['observer'] },
    act: 'stand_by',
    why: 'A reader takes no lease, ever.',
  },
  {
    id: 'lease_unknown',
    when: { lease: ['unknown'] },
    act: 'look',
    why: 'Whether the lease is free decides more than any probe.',
  },
  {
    id: 'not_my_turn',
    when: { turn: ['not_yet'] },
    act: 'stand_by',
    why: 'Two that contend at once would take the lead from each other.',
  },
  {
    id: 'free',
    when: { lease: ['free'] },
    act: 'acquire',
    why: 'Nobody leads, or whoever believes so must stop at its deadline. The storage lets only one acquire.',
  },
  {
    id: 'claim_running',
    when: { lease: ['held'], leader: ['none'] },
    act: 'stand_by',
    why: 'Somebody is about to write a leader document; if it died over that, its lease expires.',
  },
  {
    id: 'former_self',
    when: { lease: ['held'], leader: ['former_self'] },
    act: 'break',
    why: 'The lease belongs to a process of this node that is gone: nobody else will renew or release it.',
  },
  {
    id: 'leader_well',
    when: { lease: ['held'], leader: ['other'], probe: ['ok'] },
    act: 'stand_by',
    why: 'The leader is well.',
  },
  {
    id: 'leader_doubtful',
    when: { lease: ['held'], leader: ['other'], probe: ['doubtful'] },
    act: 'stand_by',
    why: 'One lost probe is no reason to change the leader.',
  },
  {
    id: 'storage_unsteady',
    when: { lease: ['held'], leader: ['other'], probe: ['unfit', 'unreachable'], storage: ['unsteady'] },
    act: 'stand_by',
    why: 'Perhaps the storage fails everybody; then another leader would be no better, and one change too many.',
  },
  {
    id: 'leader_unfit',
    when: { lease: ['held'], leader: ['other'], probe: ['unfit'], storage: ['steady'] },
    act: 'break',
    why: 'The leader itself says that it can not lead, and this node could. No witness knows better.',
  },
  {
    id: 'ask_witnesses',
    when: {
      lease: ['held'],
      leader: ['other'],
      probe: ['unreachable'],
      storage: ['steady'],
      witnesses: ['asking'],
    },
    act: 'stand_by',
    why: 'Their answer is due within one probe time-out.',
  },
  {
    id: 'cut_off',
    when: {
      lease: ['held'],
      leader: ['other'],
      probe: ['unreachable'],
      storage: ['steady'],
      witnesses: ['most_reach'],
    },
    act: 'stand_by_cut_off',
    why: 'The leader is well; the link between it and this node is not.',
  },
  {
    id: 'leader_dead',
    when: {
      lease: ['held'],
      leader: ['other'],
      probe: ['unreachable'],
      storage: ['steady'],
      witnesses: ['most_do_not'],
    },
    act: 'break',
    why: 'Nobody reaches the leader.',
  },
  {
    id: 'alone_break',
    when: {
      lease: ['held'],
      leader: ['other'],
      probe: ['unreachable'],
      storage: ['steady'],
      witnesses: ['no_answer', 'none_configured'],
      alone: ['break'],
    },
    act: 'break',
    why: 'Nobody can say more, and a wrong guess costs a change of leader, never data.',
  },
  {
    id: 'alone_wait',
    when: {
      lease: ['held'],
      leader: ['other'],
      probe: ['unreachable'],
      storage: ['steady'],
      witnesses: ['no_answer', 'none_configured'],
      alone: ['wait'],
    },
    act: 'stand_by',
    why: 'A leader that is dead stops renewing: the lease will be free soon.',
  },
];

/** The row of `DECISIONS` that holds for what is seen. */
export function decide(seen: Observation): Row {
  const row = DECISIONS.find((candidate) => matches(candidate, seen));
  invariant(row, `no row of the decision table holds for ${JSON.stringify(seen)}`);
  return row;
}

function matches({ when }: Row, seen: Observation): boolean {
  return (
    allows(when.duty, seen.duty) &&
    allows(when.turn, seen.turn) &&
    allows(when.lease, seen.lease) &&
    allows(when.leader, seen.leader) &&
    allows(when.probe, seen.probe) &&
    allows(when.storage, seen.storage) &&
    allows(when.witnesses, seen.witnesses) &&
    allows(when.alone, seen.alone)
  );
}

function allows<Value>(values: readonly Value[] | undefined, value: Value): boolean {
  return values === undefined || values.includes(value);
}
