/** One field of a fixed header: where it starts and how long it is, both in bytes. */
export interface Field {
  readonly at: number;
  readonly bytes: number;
}

/**
 * Checks at module load that the fields of a header, in the order written, follow each other without gap or overlap
 * and end exactly at `totalBytes`. A table that does not add up must not get as far as reading or writing data.
 */
export function assertFieldsFill(
  shape: string,
  totalBytes: number,
  fields: Readonly<Record<string, Field>>,
): void {
  let end = 0;
  for (const [name, field] of Object.entries(fields)) {
    if (field.at !== end) throw new Error(`${shape}: field ${name} is at ${field.at}, expected at ${end}`);
    end += field.bytes;
  }
  if (end !== totalBytes) throw new Error(`${shape}: fields end at ${end}, expected ${totalBytes}`);
}
