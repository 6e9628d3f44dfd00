/** A bug: something the code relies on did not hold. Never caught to go on; it ends the role it happened in. */
export class InvariantViolation extends Error {
  override readonly name = 'InvariantViolation';
}

/** Asserts what must hold for the code below to be right. On in production. */
export function invariant(condition: unknown, message: string): asserts condition {
  if (!condition) throw new InvariantViolation(message);
}
