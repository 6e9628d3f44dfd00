import type { NameStats } from '@message-vault/client';
import { countText, plural } from '../text.ts';

/** How deep a name is, in a few words: `12 messages, 2 locked`. */
export function depthText(stats: NameStats): string {
  switch (stats.role) {
    case 'stream':
      return plural(stats.nextSequenceNumber - stats.earliestSequenceNumber, 'message');
    case 'queue':
      return [plural(stats.depth, 'message'), ...some(stats.locked, 'locked'), ...deadText(stats)].join(', ');
    case 'router':
      return [
        `to ${stats.distribution}`,
        plural(stats.subscriptions, 'subscription'),
        ...(stats.listeners ? [plural(stats.listeners, 'listener')] : []),
        ...(stats.maxLag ? [`${countText(stats.maxLag)} behind`] : []),
        ...deadText(stats),
      ].join(', ');
  }
}

function deadText({ deadLettered }: { readonly deadLettered: number | undefined }): string[] {
  return some(deadLettered, 'dead-lettered');
}

function some(count: number | undefined, what: string): string[] {
  return count ? [`${countText(count)} ${what}`] : [];
}
