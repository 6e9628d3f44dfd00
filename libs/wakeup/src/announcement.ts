/** A hint on its way: which process sent it (it has told its own listeners already) and where the stream ends. */
export interface Announcement {
  readonly sender: string;
  /** Absolute page. */
  readonly tailPage: number;
  /** The commit that ends there, sealed: see Seal. */
  readonly sealed?: string | undefined;
}

/** 64 TiB of 512-byte pages: no stream ends beyond, so no hint may claim it. */
const MAX_TAIL_PAGE = 2 ** 37;
/** Commits above this do not go along: base64 in Redis, to every process that listens, they cost more than they save. */
export const MAX_COMMIT_BYTES = 16 * 1024;
const MAX_CHARS = 2 * MAX_COMMIT_BYTES;
const FORM = /^(\d{1,12}) ([0-9a-f-]{36})(?: ([A-Za-z0-9+/=]+))?$/;

/** On the wire: the page in decimal, a space, the sender's UUID; perhaps another space and a sealed commit. */
export function encodeAnnouncement({ sender, tailPage, sealed }: Announcement): string {
  return sealed === undefined ? `${tailPage} ${sender}` : `${tailPage} ${sender} ${sealed}`;
}

/** Undefined for anything that is not an announcement: anybody may write into a channel. */
export function parseAnnouncement(text: string): Announcement | undefined {
  const [, page, sender, sealed] = (text.length <= MAX_CHARS && FORM.exec(text)) || [];
  if (page === undefined || sender === undefined) return undefined;
  const tailPage = Number(page);
  return tailPage <= MAX_TAIL_PAGE ? { sender, tailPage, sealed } : undefined;
}
