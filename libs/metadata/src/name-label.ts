import { z } from 'zod';
import type { NameDocument, RemovedName } from './name-document.ts';
import { ROLES } from './names.ts';
import { AUTHORIZATIONS, DISCOVERABILITIES, TRANSPORT_PROTECTIONS } from './policies/common.ts';

const VERSION = 'n1';
const NEVER = '-';

const nameLabelSchema = z.tuple([
  z.literal(VERSION),
  z.enum(ROLES),
  z.enum(DISCOVERABILITIES),
  z.enum(AUTHORIZATIONS),
  z.enum(TRANSPORT_PROTECTIONS),
  z.string().regex(/^(?:-|\d{1,16})$/),
]);

/** What a listing says of a name without its document being read. */
export interface NameSummary {
  readonly role: (typeof ROLES)[number];
  readonly discoverability: (typeof DISCOVERABILITIES)[number];
  readonly authorization: (typeof AUTHORIZATIONS)[number];
  readonly transportProtection: (typeof TRANSPORT_PROTECTIONS)[number];
  /** Milliseconds since 1970. */
  readonly expiresAt: number | undefined;
}

/** What stands for a name nothing is known of. */
const NO_ROLE: NameSummary = {
  role: 'none',
  discoverability: 'managers',
  authorization: 'required',
  transportProtection: 'none',
  expiresAt: undefined,
};

export function summaryOf(record: NameDocument | RemovedName): NameSummary {
  if (record.role === 'none') return NO_ROLE;
  const { discoverability, authorization, transportProtection, expiresAt } = record.policy;
  return { role: record.role, discoverability, authorization, transportProtection, expiresAt };
}

/** The label of a name's document: version and the fields of the summary, separated by spaces. */
export function nameLabel(record: NameDocument | RemovedName): string {
  const { role, discoverability, authorization, transportProtection, expiresAt } = summaryOf(record);
  return [VERSION, role, discoverability, authorization, transportProtection, expiresAt ?? NEVER].join(' ');
}

/** Undefined for what is no label of this version: the document has to be read. */
export function parseNameLabel(label: string | undefined): NameSummary | undefined {
  const result = nameLabelSchema.safeParse(label?.split(' '));
  if (!result.success) return undefined;
  const [, role, discoverability, authorization, transportProtection, expires] = result.data;
  const expiresAt = expires === NEVER ? undefined : Number(expires);
  return { role, discoverability, authorization, transportProtection, expiresAt };
}
