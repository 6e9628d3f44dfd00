import { z } from 'zod';

const ms = () => z.int().positive();

/** Every time and threshold of the election with its default. What they add up to is worked out in docs/election.md. */
export const electionSettingsSchema = z
  .strictObject({
    /** Of the leader's lease. Azure takes 15 to 60. */
    durationSeconds: z.int().min(15).max(60).default(15),
    /** How often a leader in good health renews its lease. */
    renewEveryMs: ms().default(5000),
    /** How often it tries while there is trouble: often, because many failures in a row tell an outage from a bad minute. */
    retryRenewEveryMs: ms().default(100),
    /** Taken off the lease's end before which a leader trusts itself: clocks run at slightly different speeds. */
    marginMs: ms().default(1000),
    /** How often the leader is asked for its health while it answers well. */
    probeEveryMs: ms().default(250),
    /** How often once an answer failed. */
    suspectProbeEveryMs: ms().default(100),
    /** Longest wait for an answer. Probes overlap, so this does not slow down the next one. */
    probeTimeoutMs: ms().default(400),
    /** Failures in a row that decide when each was a clear one: connection refused, or "I can't lead". */
    clearFailures: z.int().min(2).default(3),
    /** Failures in a row that decide when each was silence. A mixture counts in proportion. */
    silentFailures: z.int().min(2).default(2),
    /** Longest time a witness tries to reach the leader. */
    witnessTimeoutMs: ms().default(250),
    /** How often witnesses are asked while the leader can't be reached. */
    askWitnessesEveryMs: ms().default(500),
    /** What an unreachable leader's lease is worth when no witness is configured. */
    withoutWitnesses: z.enum(['break', 'wait']).default('break'),
    /** The same when there are witnesses and none answers: perhaps it is this node that is cut off. */
    whenNoWitnessAnswers: z.enum(['break', 'wait']).default('wait'),
    /** How often a standby looks at the storage while the leader answers well. */
    idleLookEveryMs: ms().default(30_000),
    /** How often at first once the leader does not; slower and slower while nothing changes, */
    suspectLookEveryMs: ms().default(250),
    /** and at last this slow. */
    slowLookEveryMs: ms().default(5000),
    /** How often a leader looks whether its document is still there. */
    checkDocumentEveryMs: ms().default(10_000),
    /** Longest wait for one answer of the storage. */
    storageTimeoutMs: ms().default(1000),
    /** A call without an answer for this long is a reason for a leader to ask the storage for one (by renewing). */
    storageSlowMs: ms().default(300),
    /** A leader whose storage gave no answer for this long, after a sign of trouble, says that it can't lead. */
    storageSilenceMs: ms().default(1000),
    /** For this long after its own storage failed and came back, a standby leaves the leader time to find that out, too. */
    storageSteadyMs: ms().default(500),
    /** At its start, a node that was not configured to lead leaves the first try to one that was, for this long. */
    coldStartDelayMs: ms().default(1000),
    /** Whoever lost a race for the lease stays back for this long, and up to as much again at random. */
    loserBackoffMs: ms().default(300),
    /**
     * The same for a leader that lost its lease; doubled for every further term in a row shorter than `shortTermMs`. That is
     * for two that take the lead from each other; who fails now and then must not keep it from being taken over.
     */
    deposedBackoffMs: ms().default(1000),
    shortTermMs: ms().default(5000),
    /** Where every doubled wait ends. */
    maxBackoffMs: ms().default(30_000),
    /** Longest time a leader finishes what is in flight before it hands over all the same. */
    drainTimeoutMs: ms().default(5000),
    /** After this long without a successor, the one that was handing over tries to lead again. */
    takeOverWithinMs: ms().default(1500),
    /** A timer this late means that this process stood still, and what it missed says nothing about others. */
    stallMs: ms().default(200),
  })
  .refine(
    (settings) => settings.durationSeconds * 1000 - settings.marginMs >= 2 * settings.renewEveryMs,
    'a lease must outlast two renewals and the margin',
  );

export type ElectionSettings = z.infer<typeof electionSettingsSchema>;

export const defaultElectionSettings: ElectionSettings = electionSettingsSchema.parse({});
