import { formatPolicy, type NameDocument, PolicyError } from '@message-vault/metadata';
import type { NameEntry } from '../ports.ts';
import { HttpProblem } from '../problems.ts';
import { elementOf, fieldOf, fieldValue, POLICY_ELEMENTS } from './atom-values.ts';
import { escapeXml, parseXml, type XmlElement } from './xml.ts';

/*
 * Policies and names in the Atom Publishing Protocol (RFC 4287, RFC 5023), as the .NET Service Bus of 2009 had them: an
 * entry holds the element of a policy, whose children are the fields with a capital first. Elements are known by their
 * local names, whatever the namespace.
 */

const ATOM = 'http://www.w3.org/2005/Atom';
const VAULT = 'urn:message-vault:policy';

/** The policy in an entry, as JSON would have it. Throws `bad_body` and PolicyError. */
export function parseEntry(bytes: Uint8Array): Readonly<Record<string, unknown>> {
  const root = parseXml(bytes);
  if (root.name !== 'entry')
    throw new HttpProblem('bad_body', `the root is ${JSON.stringify(root.name)}: expected an Atom entry`);
  const candidates = [
    ...root.children,
    ...root.children.filter(({ name }) => name === 'content').flatMap(({ children }) => children),
  ];
  const [policy, second] = candidates.filter(({ name }) => Object.hasOwn(POLICY_ELEMENTS, name));
  if (policy === undefined || second !== undefined) {
    throw new HttpProblem(
      'bad_body',
      `expected an entry with one of ${Object.keys(POLICY_ELEMENTS).join(', ')}`,
    );
  }
  return policyOf(policy);
}

function policyOf({ name, children }: XmlElement): Readonly<Record<string, unknown>> {
  const role = POLICY_ELEMENTS[name] ?? 'stream';
  const fields = new Map<string, unknown>([['role', role]]);
  for (const { name: element, text, children: inner } of children) {
    const field = fieldOf(element);
    if (fields.has(field)) throw new PolicyError(field, `${element} is there twice`, 'each field once');
    if (inner.length > 0) throw new PolicyError(field, `${element} has elements in it`, 'its value as text');
    fields.set(field, fieldValue(role, field, text));
  }
  return Object.fromEntries(fields);
}

/** A name with its policy. */
export function formatEntry(document: NameDocument): string {
  const { role, ...fields } = formatPolicy(document);
  const [element] = Object.entries(POLICY_ELEMENTS).find(([, each]) => each === role) ?? ['StreamPolicy'];
  const values = Object.entries(fields).map(([field, value]) => {
    const tag = elementOf(field);
    return `<${tag}>${escapeXml(String(value))}</${tag}>`;
  });
  const policy = `<${element} xmlns="${VAULT}">${values.join('')}</${element}>`;
  return `<?xml version="1.0" encoding="utf-8"?>\n<entry xmlns="${ATOM}">${entryHead(document, new Date(document.createdAt))}<content type="application/xml">${policy}</content></entry>\n`;
}

/** A listing; `next` is the URI of its next page. */
export function formatFeed(
  feed: { title: string; self: string; next: string | undefined },
  names: readonly NameEntry[],
): string {
  const now = new Date();
  const entries = names.map(
    (name) => `<entry>${entryHead(name, now)}<content type="text">${name.role}</content></entry>`,
  );
  const next = feed.next === undefined ? '' : link('next', feed.next);
  const head = `<id>urn:message-vault:listing:${escapeXml(feed.self)}</id><title>${escapeXml(feed.title)}</title><updated>${now.toISOString()}</updated><author><name>Message Vault</name></author>${link('self', feed.self)}${next}`;
  return `<?xml version="1.0" encoding="utf-8"?>\n<feed xmlns="${ATOM}">${head}${entries.join('')}</feed>\n`;
}

/** Names need no escaping in XML, nor in a URI. */
function entryHead({ name, role }: NameEntry, updated: Date): string {
  const queue =
    role === 'queue' ? link('queuehead', `/${name}/-/head`) + link('queuecontrol', `/${name}/-/policy`) : '';
  const links = `${link('self', `/${name}/-/policy`)}${link('alternate', `/${name}`)}${queue}`;
  return `<id>urn:message-vault:name:${name}</id><title>${name}</title><updated>${updated.toISOString()}</updated><author><name>Message Vault</name></author><category term="${role}"/>${links}`;
}

function link(rel: string, href: string): string {
  return `<link rel="${rel}" href="${escapeXml(href)}"/>`;
}
