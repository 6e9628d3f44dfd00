import type { Settlement } from '@message-vault/checkers';
import { seededRandom } from '../random.ts';

interface Delivered {
  readonly producer: string;
  readonly sequence: number;
  readonly delivery: number;
}

/** In so many messages, one of each kind. */
const CYCLE = 60;
const UNWANTED = 7;
const POISON = 23;
const NOT_NOW = 41;

/** What a consumer does with a message, whoever it is: most are acknowledged. */
export function fateOf({ sequence, delivery }: Delivered): Settlement {
  switch (sequence % CYCLE) {
    case UNWANTED:
      return 'dead-lettered';
    // Nobody ever manages this one: it is given up after as many deliveries as the policy allows.
    case POISON:
      return 'given-back';
    case NOT_NOW:
      return delivery === 1 ? 'given-back' : 'acknowledged';
    default:
      return 'acknowledged';
  }
}

const USUAL_MS = 30;
/** Longer than half a lock: it has to be renewed, and there is always one that somebody holds. */
const LONG_MS = 2500;
const LONG_SHARE = 0.03;

/** How long a consumer works on it; the same for everybody who gets this delivery. */
export function workMs({ producer, sequence, delivery }: Delivered): number {
  const random = seededRandom(sequence * 31 + delivery * 7 + producer.length);
  return random() < LONG_SHARE ? LONG_MS : random() * USUAL_MS;
}
