import { expect, it } from 'vitest';
import { PIECE_BYTES, PieceBuffers } from '../src/read/piece-buffers.ts';

const large = (byte: number): Uint8Array => new Uint8Array(PIECE_BYTES).fill(byte);

it('copies, so that what a client takes late is what was there when it was sent', () => {
  const buffers = new PieceBuffers();
  for (const bytes of [new Uint8Array([1, 2, 3]), large(4), large(5).subarray(0, 100_000)]) {
    const before = bytes.slice();
    const piece = buffers.copy(bytes);
    bytes.fill(9);
    expect(Buffer.compare(piece.bytes, before)).toBe(0);
  }
});

it('uses the memory of a piece again once it was given back, and not before', () => {
  const buffers = new PieceBuffers();
  const first = buffers.copy(large(1));
  const second = buffers.copy(large(2));
  expect(second.bytes.buffer).not.toBe(first.bytes.buffer);
  expect(first.bytes[0]).toBe(1);
  first.giveBack();
  expect(buffers.copy(large(3)).bytes.buffer).toBe(first.bytes.buffer);
  expect(buffers.copy(large(4)).bytes.buffer).not.toBe(first.bytes.buffer);
});

it('does not spend a large buffer on a small piece', () => {
  const piece = new PieceBuffers().copy(new Uint8Array(1000));
  expect(piece.bytes.buffer.byteLength).toBeLessThan(PIECE_BYTES);
});
