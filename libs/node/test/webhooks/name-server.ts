import { createSocket } from 'node:dgram';
import { onTestFinished } from 'vitest';

/** What a name server says: addresses of one family; `none` of such a name; nothing at all. */
export type NameAnswer = readonly string[] | 'none' | 'silence';

const A = 1;
const AAAA = 28;

/** A name server of a test, on loopback; `answer` is asked for every question. Its address with its port. */
export async function nameServer(answer: (name: string, family: 4 | 6) => NameAnswer): Promise<string> {
  const socket = createSocket('udp4');
  socket.on('message', (query, from) => {
    const { name, type, end } = questionOf(query);
    const said = answer(name, type === AAAA ? 6 : 4);
    if (said !== 'silence') socket.send(replyTo(query.subarray(0, end), type, said), from.port, from.address);
  });
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  onTestFinished(() => new Promise<void>((resolve) => socket.close(resolve)));
  return `127.0.0.1:${socket.address().port}`;
}

/** The one question of a query (RFC 1035, 4.1): labels with their lengths before them, type, class. */
function questionOf(query: Buffer): { name: string; type: number; end: number } {
  const labels: string[] = [];
  let at = 12;
  for (let length = query.readUInt8(at); length > 0; length = query.readUInt8(at)) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length));
    at += 1 + length;
  }
  return { name: labels.join('.').toLowerCase(), type: query.readUInt16BE(at + 1), end: at + 5 };
}

function replyTo(query: Buffer, type: number, said: readonly string[] | 'none'): Buffer {
  const head = Buffer.from(query);
  const addresses = said === 'none' ? [] : said;
  head.writeUInt16BE(said === 'none' ? 0x8183 : 0x8180, 2);
  head.writeUInt16BE(addresses.length, 6);
  head.writeUInt32BE(0, 8);
  return Buffer.concat([head, ...addresses.map((address) => recordOf(type, bytesOf(address, type)))]);
}

/** A record about the name at byte 12, good for no time at all. */
function recordOf(type: number, data: Buffer): Buffer {
  const record = Buffer.alloc(12);
  record.writeUInt16BE(0xc00c, 0);
  record.writeUInt16BE(type, 2);
  record.writeUInt16BE(1, 4);
  record.writeUInt16BE(data.byteLength, 10);
  return Buffer.concat([record, data]);
}

/** IPv6 only as `::x`, with one group. */
function bytesOf(address: string, type: number): Buffer {
  if (type === A) return Buffer.from(address.split('.').map(Number));
  const bytes = Buffer.alloc(16);
  bytes.writeUInt16BE(Number.parseInt(address.slice(2), 16), 14);
  return bytes;
}
