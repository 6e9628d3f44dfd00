import { z } from 'zod';
import { commonPolicyFields } from './common.ts';

const MAX_URI_CHARS = 2048;
/** Visible ASCII with a scheme (RFC 3986): it goes out in a header. */
const URI = /^[A-Za-z][A-Za-z0-9+.-]*:[\x21-\x7e]+$/;
/** Followed by a browser, these run in the page that followed. */
const RUNS_CODE = /^(?:javascript|data|vbscript):/i;

/** Of a name that stands for something elsewhere. */
export const metadataPolicySchema = z.strictObject({
  ...commonPolicyFields,
  /** The reference: an absolute URI of any scheme but those that carry code. */
  uri: z
    .string()
    .max(MAX_URI_CHARS)
    .regex(URI, 'expected an absolute URI in ASCII')
    .refine((uri) => !RUNS_CODE.test(uri), 'expected a URI of a scheme that carries no code'),
});

export type MetadataPolicy = z.infer<typeof metadataPolicySchema>;
