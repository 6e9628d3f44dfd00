/** The words of whatever was thrown. An error may have none: that of a name with several addresses has a code at most. */
export function messageOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown);
  return thrown.message || codeOf(thrown) || thrown.name;
}

/** What Node and its libraries tell errors apart by, as in `ENOENT`; undefined for one without. */
export function codeOf(thrown: unknown): string | undefined {
  const code = thrown instanceof Error && 'code' in thrown ? thrown.code : undefined;
  return typeof code === 'string' ? code : undefined;
}
