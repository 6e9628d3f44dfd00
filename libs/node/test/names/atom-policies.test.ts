import { describe, expect, it } from 'vitest';
import { assign, ENTRY, json, POLICY, problemOf, vault } from '../support/vault.ts';

describe('Atom', () => {
  const entry = (inside: string) =>
    `<?xml version="1.0"?><entry xmlns="http://www.w3.org/2005/Atom"><title>x</title>${inside}</entry>`;
  const post = (url: string, body: string) => fetch(`${url}/work`, { method: 'POST', headers: ENTRY, body });

  it('gives and takes policies as in 2009', async () => {
    const { leader, reader } = await vault();
    const made = await post(
      reader,
      entry(`<QueuePolicy xmlns="urn:x"><Authorization>RequiredToSend</Authorization><LockDuration>PT30S</LockDuration>
        <MaxQueueLength>100</MaxQueueLength><Overflow>DiscardExistingMessage</Overflow><PoisonMessageDrop>true</PoisonMessageDrop></QueuePolicy>`),
    );
    expect(made.status).toBe(201);
    expect(made.headers.get('content-type')).toBe('application/atom+xml;type=entry;charset=utf-8');
    const text = await made.text();
    for (const rel of ['self', 'alternate', 'queuehead', 'queuecontrol'])
      expect(text).toContain(`<link rel="${rel}"`);
    const inForce = await json(fetch(`${leader}/work/-/policy`));
    expect(inForce).toMatchObject({
      role: 'queue',
      authorization: 'required-to-send',
      lockDuration: 'PT30S',
      maxQueueLength: 100,
      overflow: 'discard-existing',
      poisonMessageDrop: true,
    });
    const read = await fetch(`${reader}/work/-/policy`, { headers: { accept: 'application/atom+xml' } });
    const put = await fetch(`${leader}/work/-/policy`, {
      method: 'PUT',
      headers: { ...ENTRY, 'if-match': read.headers.get('etag') ?? '' },
      body: await read.text(),
    });
    expect(put.status).toBe(200);
    expect(await (await fetch(`${leader}/work/-/policy`)).json()).toEqual(inForce);
  });

  it.each([
    [
      'a value that is none',
      'Queue',
      '<LockDuration>soon</LockDuration>',
      'LockDuration is "soon": expected',
    ],
    ['one out of range', 'Queue', '<MaxDequeueRetries>-1</MaxDequeueRetries>', 'MaxDequeueRetries is "-1"'],
    [
      'an unknown element',
      'Router',
      '<Colour>red</Colour>',
      '"Colour" is no field of a router: expected one of Authorization,',
    ],
    [
      'a contradiction',
      'Queue',
      '<LockDuration>PT2H</LockDuration><MaxMessageAge>PT1H</MaxMessageAge>',
      'LockDuration is above MaxMessageAge,',
    ],
    [
      'a time that is over',
      'Queue',
      '<ExpirationInstant>2001-01-01T00:00:00Z</ExpirationInstant>',
      'ExpirationInstant is over',
    ],
    ['the word of a field for a value', 'Metadata', '<Uri>overflow</Uri>', 'Uri is "overflow": expected'],
  ])('calls what is wrong by its element: %s', async (_what, role, fields, says) => {
    const { leader } = await vault();
    const refused = await problemOf(await post(leader, entry(`<${role}Policy>${fields}</${role}Policy>`)));
    expect(refused).toMatchObject({ code: 'bad_policy', detail: expect.stringContaining(says) });
    expect(refused.field).toBe(/[A-Z]\w+/.exec(says)?.[0]);
  });

  it('calls what can not change by its element too, in an entry only', async () => {
    const { leader } = await vault();
    await assign(leader, 'work', { role: 'router' });
    const put = (headers: Record<string, string>, body: string) =>
      fetch(`${leader}/work/-/policy`, { method: 'PUT', headers, body });
    const inEntry = entry('<RouterPolicy><MessageDistribution>one</MessageDistribution></RouterPolicy>');
    expect((await problemOf(await put(ENTRY, inEntry))).detail).toMatch(
      /^MessageDistribution can not change/,
    );
    const inJson = JSON.stringify({ messageDistribution: 'one' });
    expect((await problemOf(await put(POLICY, inJson))).detail).toMatch(
      /^messageDistribution can not change/,
    );
  });

  it('lists names as a feed, page by page', async () => {
    const { leader } = await vault();
    for (const name of ['app/a', 'app/b', 'app/c']) await assign(leader, name, { role: 'queue' });
    for (const path of ['/app/-/children?limit=2', '/-/names?prefix=app&limit=2']) {
      const first = await fetch(leader + path, { headers: { accept: 'application/atom+xml;type=feed' } });
      expect(first.headers.get('content-type')).toBe('application/atom+xml;type=feed;charset=utf-8');
      const text = await first.text();
      expect([...text.matchAll(/<title>(app\/.)<\/title>/g)].map(([, name]) => name)).toEqual([
        'app/a',
        'app/b',
      ]);
      const [, next = ''] = /<link rel="next" href="([^"]+)"/.exec(text) ?? [];
      const rest = await (await fetch(leader + next.replaceAll('&#38;', '&'))).json();
      expect(JSON.stringify(rest)).toContain('app/c');
    }
  });

  it.each([
    [
      'a bomb of entities',
      '<!DOCTYPE e [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><entry>&b;</entry>',
      'bad_body',
    ],
    ['a file', '<!DOCTYPE e [<!ENTITY a SYSTEM "file:///etc/passwd">]><entry>&a;</entry>', 'bad_body'],
    ['another document type', '<!doctype html><entry/>', 'bad_body'],
    ['an instruction to the reader', '<?xml-stylesheet href="x"?><entry/>', 'bad_body'],
    ['bottomless depth', '<a>'.repeat(20_000), 'bad_body'],
    ['depth', `<entry>${'<a>'.repeat(50)}${'</a>'.repeat(50)}</entry>`, 'bad_body'],
    ['too many elements', `<entry>${'<a/>'.repeat(5000)}</entry>`, 'bad_body'],
    ['an end missing', '<entry><QueuePolicy>', 'bad_body'],
    ['two roots', '<entry/><entry/>', 'bad_body'],
    ['no entry', '<feed><QueuePolicy/></feed>', 'bad_body'],
    ['no policy', '<entry><title>x</title></entry>', 'bad_body'],
    ['two policies', '<entry><QueuePolicy/><RouterPolicy/></entry>', 'bad_body'],
    ['a policy that every object has', '<entry><constructor/><__proto__/></entry>', 'bad_body'],
    [
      'a field twice',
      '<entry><QueuePolicy><LockDuration>PT1S</LockDuration><LockDuration>PT2S</LockDuration></QueuePolicy></entry>',
      'bad_policy',
    ],
    ['an unknown field', '<entry><QueuePolicy><Colour>red</Colour></QueuePolicy></entry>', 'bad_policy'],
    [
      'elements for a value',
      '<entry><QueuePolicy><LockDuration><a/></LockDuration></QueuePolicy></entry>',
      'bad_policy',
    ],
    [
      'the role of another element',
      '<entry><QueuePolicy><Role>stream</Role></QueuePolicy></entry>',
      'bad_policy',
    ],
    [
      'text for a number',
      '<entry><QueuePolicy><MaxQueueLength>1e3</MaxQueueLength></QueuePolicy></entry>',
      'bad_policy',
    ],
  ])('with %s is refused', async (_what, body, code) => {
    const { leader } = await vault();
    expect(await problemOf(await post(leader, body))).toMatchObject({ status: 400, code });
    expect((await fetch(`${leader}/work/-/policy`)).status).toBe(404);
  });
});
