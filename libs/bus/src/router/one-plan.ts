/*
 * Who gets which message of a router `one`: a function of what is saved, and of nothing else.
 *
 * Time is cut into eras by the place in the stream. Within an era the shares are fixed, and a message belongs to the share
 * a hash of its sequence number picks among those that want it. A share is one member's from when it joins to when it
 * leaves; what is left of it then, and what a member could not take, is moved to others message by message. Eras and
 * moves are saved before anything is done by them, so the next leader gives every message to the same member first.
 */
import { invariant } from '@message-vault/runtime';
import type { Filterable } from '../filter/evaluate.ts';
import type { Era, Member, Move, OneState, ProducerPlace, Share } from './cursors-document.ts';
import type { StreamPlace } from './position.ts';
import { chooseOne } from './rendezvous.ts';

export interface Candidate extends Filterable {
  readonly offset: number;
  readonly sequenceNumber: number;
}

/** Whether the holder of a share wants the message. */
export type Wants = (share: Share, message: Filterable) => boolean;

export function emptyOne(): OneState {
  return { nextShare: 0, eras: [], shares: {}, moves: [], members: {} };
}

/** Shares of members that are there now. */
export function currentShares(one: OneState): readonly string[] {
  return one.eras.at(-1)?.shares ?? [];
}

/** Offsets put down as done out of order, all members together: they are part of one document. */
const MAX_DONE = 16_384;
const MAX_SPAN = 1024;

/** Messages a member may be ahead of the first one it has not dealt with. */
export function spanOf(one: OneState): number {
  return Math.max(16, Math.min(MAX_SPAN, Math.floor(MAX_DONE / (currentShares(one).length + 1))));
}

function shareOf(one: OneState, member: string): string | undefined {
  return currentShares(one).find((id) => one.shares[id]?.member === member);
}

export function currentShare(one: OneState, member: string): Share | undefined {
  const id = shareOf(one, member);
  return id === undefined ? undefined : one.shares[id];
}

/** Whether somebody else there wants all that a member wants, as far as can be told: has no filter, or the same. */
export function hasSubstitute(one: OneState, member: string): boolean {
  return isCovered(one, currentShare(one, member)?.filter, member);
}

/** The same of whoever has this filter, when the member `without` is not there. */
export function isCovered(one: OneState, filter: string | undefined, without: string): boolean {
  return currentShares(one).some((id) => {
    const share = one.shares[id];
    if (share === undefined || share.member === without) return false;
    return share.filter === undefined || share.filter === filter;
  });
}

/** What follows goes to the holder of a share under numbers that begin anew. */
export function nextEpoch({ cursor }: Share): ProducerPlace {
  return { epoch: (cursor.producer?.epoch ?? 0) + 1, sequence: 0 };
}

/**
 * A member joins and has its share of what comes from `at` on, or of all that waits when nobody has been there. Nothing at
 * or beyond `at` may have been decided. Answers the share.
 */
export function join(
  one: OneState,
  member: { id: string; kind: Member['kind']; filter: string | undefined },
  at: StreamPlace,
): string {
  invariant(shareOf(one, member.id) === undefined, 'a member has one share at a time');
  const id = String(one.nextShare);
  one.nextShare += 1;
  const last = one.eras.at(-1);
  const waiting = last === undefined || last.shares.length === 0;
  const from = waiting ? (last?.from ?? { offset: 0, sequenceNumber: 0 }) : at;
  one.shares[id] = {
    member: member.id,
    cursor: { ...from },
    done: [],
    left: false,
    ...(member.filter === undefined ? {} : { filter: member.filter }),
  };
  one.members[member.id] ??= { kind: member.kind, moves: { epoch: 0, sequence: 0 } };
  beginEra(one, from, [...currentShares(one), id]);
  return id;
}

/** The member's share gets nothing from `at` on; what it holds is for others. Nothing at or beyond `at` may have been decided. */
export function leave(one: OneState, member: string, at: StreamPlace): void {
  const id = shareOf(one, member);
  const share = id === undefined ? undefined : one.shares[id];
  if (share === undefined) return;
  share.left = true;
  beginEra(
    one,
    at,
    currentShares(one).filter((each) => each !== id),
  );
}

function beginEra(one: OneState, at: StreamPlace, shares: readonly string[]): void {
  const last = one.eras.at(-1);
  const from = last !== undefined && last.from.offset > at.offset ? last.from : at;
  if (last !== undefined && last.from.offset === from.offset) one.eras.pop();
  one.eras.push({ from: { offset: from.offset, sequenceNumber: from.sequenceNumber }, shares: [...shares] });
}

function eraAt(one: OneState, offset: number): Era | undefined {
  return one.eras.findLast(({ from }) => from.offset <= offset);
}

/** The share a message is first for; undefined when nobody wants it, or nobody was there. */
export function ownerOf(one: OneState, message: Candidate, wants: Wants): string | undefined {
  const shares = eraAt(one, message.offset)?.shares ?? [];
  const wanting = shares.filter((id) => {
    const share = one.shares[id];
    return share !== undefined && wants(share, message);
  });
  return chooseOne(message.sequenceNumber, wanting);
}

/** Where a share ends; undefined while its member is there. */
export function endOf(one: OneState, shareId: string): number | undefined {
  const last = one.eras.findLastIndex(({ shares }) => shares.includes(shareId));
  return one.eras[last + 1]?.from.offset;
}

/** Who takes a message that somebody else could not: any member there now that wants it, but for `not` if there is another. */
export function nextMember(
  one: OneState,
  message: Candidate,
  options: { wants: Wants; not: string | undefined; attempts: number },
): string | undefined {
  const { wants, not, attempts } = options;
  const wanting = currentShares(one).filter((id) => {
    const share = one.shares[id];
    return share !== undefined && share.member !== not && wants(share, message);
  });
  // Mixed with the number of tries, so that it is not the same pair all the time.
  const chosen = chooseOne(message.sequenceNumber + attempts * 0x1_0000_0001, wanting);
  return chosen === undefined ? undefined : one.shares[chosen]?.member;
}

/** Writes down that a message goes to `to`; to be saved before it does. */
export function addMove(
  one: OneState,
  message: { offset: number; sequenceNumber: number },
  how: { share: string; to: string; attempts: number },
): Move {
  const { offset, sequenceNumber } = message;
  const move: Move = { offset, sequenceNumber, ...how, place: takePlace(one, how.to), done: false };
  one.moves.push(move);
  return move;
}

/** Gives a move another member to go to. */
export function redirect(one: OneState, move: Move, to: string): void {
  move.to = to;
  move.place = takePlace(one, to);
}

function takePlace(one: OneState, to: string): number {
  const member = one.members[to];
  invariant(member !== undefined, `${to} is no member`);
  const { sequence } = member.moves;
  member.moves.sequence += 1;
  return sequence;
}

/** The target has forgotten in what order it was moved messages: they are numbered anew. */
export function renumberMoves(one: OneState, to: string, knownEpoch: number): void {
  const member = one.members[to];
  if (member === undefined) return;
  const waiting = one.moves.filter((move) => move.to === to && !move.done).sort((a, b) => a.place - b.place);
  for (const [place, move] of waiting.entries()) move.place = place;
  member.moves = { epoch: Math.max(member.moves.epoch, knownEpoch) + 1, sequence: waiting.length };
}

/** Forgets what nobody will ask for again. */
export function prune(one: OneState): void {
  for (const share of Object.values(one.shares))
    if (share.left) share.done = share.done.filter((offset) => offset >= share.cursor.offset);
  one.moves = one.moves.filter((move) => {
    const share = one.shares[move.share];
    if (!move.done) return true;
    if (share === undefined || share.cursor.offset > move.offset) return false;
    // Whose member is there puts down itself what it has done.
    if (share.left) share.done.push(move.offset);
    return !share.left;
  });
  const open = openShares(one);
  while (one.eras.length > 1 && one.eras[1] !== undefined && isPassed(one, open, one.eras[1].from.offset))
    one.eras.shift();
  const inEras = new Set(one.eras.flatMap(({ shares }) => shares));
  for (const id of Object.keys(one.shares)) if (!inEras.has(id) && !open.has(id)) delete one.shares[id];
  const needed = new Set(Object.values(one.shares).map(({ member }) => member));
  for (const { to } of one.moves) needed.add(to);
  for (const id of Object.keys(one.members)) if (!needed.has(id)) delete one.members[id];
}

/** From which offset on the stream is still needed, all of it being there up to `tail`. */
export function neededFrom(one: OneState, tail: StreamPlace): number {
  let least = tail.offset;
  for (const id of openShares(one)) least = Math.min(least, one.shares[id]?.cursor.offset ?? least);
  for (const { offset, done } of one.moves) if (!done) least = Math.min(least, offset);
  return least;
}

/** Shares that still have something to do. */
function openShares(one: OneState): Set<string> {
  const open = new Set<string>();
  for (const [id, { left, cursor }] of Object.entries(one.shares)) {
    const end = endOf(one, id);
    if (!left || end === undefined || cursor.offset < end) open.add(id);
  }
  return open;
}

function isPassed(one: OneState, open: ReadonlySet<string>, offset: number): boolean {
  return [...open].every((id) => (one.shares[id]?.cursor.offset ?? offset) >= offset);
}
