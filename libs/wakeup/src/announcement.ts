/** A hint on its way: which process sent it (it has told its own listeners already) and where the stream ends. */
export interface Announcement {
  readonly sender: string;
  /** Absolute page. */
  readonly tailPage: number;
}

/** 64 TiB of 512-byte pages: no stream ends beyond, so no hint may claim it. */
const MAX_TAIL_PAGE = 2 ** 37;
const FORM = /^(\d{1,12}) ([0-9a-f-]{36})$/;

/** On the wire: the page in decimal, a space, the sender's UUID. */
export function encodeAnnouncement({ sender, tailPage }: Announcement): string {
  return `${tailPage} ${sender}`;
}

/** Undefined for anything that is not an announcement: anybody may write into a channel. */
export function parseAnnouncement(text: string): Announcement | undefined {
  const [, page, sender] = FORM.exec(text) ?? [];
  if (page === undefined || sender === undefined) return undefined;
  const tailPage = Number(page);
  return tailPage <= MAX_TAIL_PAGE ? { sender, tailPage } : undefined;
}
