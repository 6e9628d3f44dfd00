import { describe, expect, it } from 'vitest';
import { encodeAnnouncement, parseAnnouncement } from '../src/announcement.ts';

const sender = '0f8fad5b-d9cb-469f-a165-70867728950e';

describe('announcement', () => {
  it.each([0, 1, 4096, 2 ** 37])('comes back from the wire as it was: page %i', (tailPage) => {
    expect(parseAnnouncement(encodeAnnouncement({ sender, tailPage }))).toEqual({ sender, tailPage });
  });

  it('brings a sealed commit', () => {
    const announcement = { sender, tailPage: 7, sealed: 'c2VhbGVk+/==' };
    expect(parseAnnouncement(encodeAnnouncement(announcement))).toEqual(announcement);
  });

  it.each([
    ['nothing', ''],
    ['no sender', '12'],
    ['a negative page', `-1 ${sender}`],
    ['a fraction', `1.5 ${sender}`],
    ['a page no stream can have', `${2 ** 37 + 1} ${sender}`],
    ['more digits than any page', `${'9'.repeat(400)} ${sender}`],
    ['a sender that is no UUID', '12 me'],
    ['something behind it', `12 ${sender}\n`],
    ['what can be no sealed commit', `12 ${sender} <commit>`],
    ['more than any sealed commit', `12 ${sender} ${'A'.repeat(64 * 1024)}`],
    ['JSON', '{"tailPage":12}'],
  ])('is not taken from %s', (_, text) => {
    expect(parseAnnouncement(text)).toBeUndefined();
  });
});
