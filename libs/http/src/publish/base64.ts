import { HttpProblem, type ProblemCode } from '../problems.ts';

const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;

/** Bytes of standard, padded base64. Throws `code`, naming `where`, for anything else. */
export function decodeBase64(text: string, where: string, code: ProblemCode): Buffer {
  if (text.length % 4 !== 0 || !BASE64.test(text)) {
    throw new HttpProblem(code, `${where} is not base64 (standard alphabet, padded to a multiple of 4)`);
  }
  return Buffer.from(text, 'base64');
}
