import { expect } from 'vitest';
import type { ProblemCode } from '../../src/index.ts';
import { problem, publishValues } from './requests.ts';
import { startNode } from './test-node.ts';

/** A publish that has to be refused. */
export interface Refusal {
  readonly what: string;
  readonly headers: Record<string, string>;
  readonly body: string | Uint8Array<ArrayBuffer>;
  readonly status: number;
  readonly code: ProblemCode;
  /** What `detail` has to say. */
  readonly says: RegExp;
}

/** Publishes, refused, between two publishes that are not: neither the log nor the connection may have suffered. */
export async function expectRefused({ headers, body, status, code, says }: Refusal): Promise<void> {
  const { url, node, app } = await startNode();
  await publishValues(url, 'orders', [1]);
  const response = await fetch(`${url}/orders`, { method: 'POST', headers, body });
  const { detail } = await problem(response, status, code);
  expect(detail).toMatch(says);
  expect(await node.stored('orders')).toBe(1);
  expect(app.heldBodyBytes).toBe(0);
  expect(await publishValues(url, 'orders', [2])).toMatchObject({ firstSequenceNumber: 1 });
}
