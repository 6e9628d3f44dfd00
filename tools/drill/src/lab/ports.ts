import { createServer } from 'node:net';
import { DrillError } from '../errors.ts';

/** Below what systems hand out for outgoing connections, so that nobody takes a port between the look and the use. */
const FIRST = 20_000;
const LAST = 32_000;
/** Offsets from the base that a cluster of at most ten slaves and ten readers uses; see the local cluster's ports. */
const BLOCK = 60;
const TRIES = 50;

/** A base for the ports of a local cluster with nobody on any port of its block. */
export async function freePortBase(): Promise<number> {
  for (let tries = 0; tries < TRIES; tries++) {
    const base = FIRST + Math.floor((Math.random() * (LAST - FIRST)) / BLOCK) * BLOCK;
    if (await blockIsFree(base)) return base;
  }
  throw new DrillError('not_settled', `found no free block of ports between ${FIRST} and ${LAST}`);
}

async function blockIsFree(base: number): Promise<boolean> {
  for (let port = base; port < base + BLOCK; port++) if (!(await isFree(port))) return false;
  return true;
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ host: '127.0.0.1', port, exclusive: true }, () => server.close(() => resolve(true)));
  });
}
