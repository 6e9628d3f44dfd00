import { XMLParser, XMLValidator } from 'fast-xml-parser';
import { HttpProblem } from '../problems.ts';

const MAX_DEPTH = 8;
const MAX_ELEMENTS = 256;
/** Document types bring entities, and entities grow or read files. Neither has a place in a policy. */
const FORBIDDEN = /<!(?!--|\[CDATA\[)|<\?(?!xml[\s?])/i;
const CDATA = '#cdata';
/** What XML has of itself: five names, and characters by their number. */
const REFERENCE = /&(?:#(\d{1,7})|#x([\da-f]{1,6})|(\w+));|&/gi;
const NAMED: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };
/** Production 2 of XML 1.0: which characters a document may have. */
const CHARACTER = /^[\t\n\r\u{20}-\u{D7FF}\u{E000}-\u{FFFD}\u{10000}-\u{10FFFF}]$/u;

export interface XmlElement {
  /** Without its prefix. */
  readonly name: string;
  readonly children: readonly XmlElement[];
  /** What is directly in it, trimmed. */
  readonly text: string;
}

const parser = new XMLParser({
  preserveOrder: true,
  removeNSPrefix: true,
  ignoreAttributes: true,
  parseTagValue: false,
  trimValues: true,
  processEntities: false,
  cdataPropName: CDATA,
  maxNestedTags: MAX_DEPTH,
});

/**
 * The root of a small XML document. Throws `bad_body` for what is not well-formed, has a document type, entities of its
 * own or processing instructions, or is deeper or larger than any policy.
 */
export function parseXml(bytes: Uint8Array): XmlElement {
  const text = decode(bytes);
  if (FORBIDDEN.test(text)) throw bad('document types, entities and processing instructions are not taken');
  if ((text.match(/</g)?.length ?? 0) > 2 * MAX_ELEMENTS) throw bad(`more than ${MAX_ELEMENTS} elements`);
  if (depthOf(text) > MAX_DEPTH) throw bad(`elements more than ${MAX_DEPTH} deep`);
  const valid = XMLValidator.validate(text);
  if (valid !== true) throw bad(`it is not well-formed: ${valid.err.msg} (line ${valid.err.line})`);
  const [root, second] = elementsOf(parse(text));
  if (root === undefined || second !== undefined) throw bad('expected one element around everything');
  return root;
}

function parse(text: string): unknown {
  try {
    return parser.parse(text);
  } catch (error) {
    throw bad(`it can't be read: ${error instanceof Error ? error.message : 'unknown'}`);
  }
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw bad('it is not valid UTF-8');
  }
}

/** Deepest nesting, by the tags alone: looked at before anything recurses. */
function depthOf(text: string): number {
  let depth = 0;
  let deepest = 0;
  for (const [tag] of text.matchAll(/<(?:!--[\s\S]*?--|!\[CDATA\[[\s\S]*?\]\]|[^>]*)>/g)) {
    if (tag.startsWith('<!') || tag.startsWith('<?') || tag.endsWith('/>')) continue;
    depth += tag.startsWith('</') ? -1 : 1;
    deepest = Math.max(deepest, depth);
  }
  return deepest;
}

/** The parser gives arrays of `{name: children}` and `{'#text': text}`. */
function elementsOf(nodes: unknown): XmlElement[] {
  if (!Array.isArray(nodes)) return [];
  return nodes.flatMap((node: unknown) => {
    const [name, children] = entryOf(node);
    if (name === undefined || name.startsWith('#') || name.startsWith('?')) return [];
    return [{ name, children: elementsOf(children), text: textOf(children) }];
  });
}

function textOf(nodes: unknown): string {
  if (!Array.isArray(nodes)) return '';
  return nodes
    .map((node: unknown) => {
      const [name, content] = entryOf(node);
      if (name === CDATA) return cdataOf(content);
      return name === '#text' ? unescapeXml(String(content)) : '';
    })
    .join('')
    .trim();
}

function cdataOf(nodes: unknown): string {
  return Array.isArray(nodes) ? nodes.map((node: unknown) => String(entryOf(node)[1])).join('') : '';
}

function unescapeXml(text: string): string {
  return text.replace(REFERENCE, (reference, decimal?: string, hexadecimal?: string, named?: string) => {
    const code = decimal === undefined ? Number.parseInt(hexadecimal ?? '', 16) : Number(decimal);
    const character =
      named === undefined && code <= 0x10ffff ? String.fromCodePoint(code) : NAMED[named ?? ''];
    if (character !== undefined && CHARACTER.test(character)) return character;
    throw bad(`it refers to ${JSON.stringify(reference)}, which stands for no character`);
  });
}

function entryOf(node: unknown): [name: string | undefined, content: unknown] {
  if (typeof node !== 'object' || node === null) return [undefined, undefined];
  const [entry] = Object.entries(node).filter(([key]) => key !== ':@');
  return entry ?? [undefined, undefined];
}

function bad(what: string): HttpProblem {
  return new HttpProblem('bad_body', `the body is no XML that is taken here: ${what}`);
}

/** Text for use in content and in attributes in double quotes, of XML and of HTML alike. */
export function escapeXml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
