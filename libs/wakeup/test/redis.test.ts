import type { LandedCommit } from '@message-vault/log';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type RedisWakeupOptions, redisWakeup, type Wakeup } from '../src/index.ts';
import { noRedisBecause, RedisServer } from '../src/testing/index.ts';
import { landed } from './landed.ts';
import { recordingLogger } from './recording-logger.ts';

const stream = '0f8fad5b-d9cb-469f-a165-70867728950e';
const channel = `message-vault:growth:${stream}`;
const until = { timeout: 15_000, interval: 10 };

describe.skipIf(noRedisBecause !== undefined)(
  `wake-ups over Redis${noRedisBecause ? ` (${noRedisBecause})` : ''}`,
  () => {
    let server: RedisServer;
    const open: Wakeup[] = [];

    function wakeup(url = server.url, logger = recordingLogger().logger): Wakeup {
      return opened({ url, logger });
    }

    /** Of a process that belongs to the cluster with this secret. */
    function member(secret: string): Wakeup {
      const { logger } = recordingLogger();
      return opened({ url: server.url, logger, secrets: () => Promise.resolve([Buffer.from(secret)]) });
    }

    function opened(options: RedisWakeupOptions): Wakeup {
      const made = redisWakeup(options);
      open.push(made);
      return made;
    }

    /** Announces growing pages, each with `commit`, until `isEnough`: one at a time, so that all go out at once. */
    async function announced(
      announcer: Wakeup,
      commit: LandedCommit,
      isEnough: () => boolean,
    ): Promise<void> {
      let page = 0;
      await expect
        .poll(() => {
          announcer.announce(stream, ++page, commit);
          return isEnough();
        }, until)
        .toBe(true);
    }

    /** Announces growing pages until `listener`'s process has heard one: connections are made lazily. */
    async function heardThrough(announcer: Wakeup, heard: number[]): Promise<void> {
      let page = 0;
      await expect
        .poll(() => {
          announcer.announce(stream, ++page);
          return heard.length;
        }, until)
        .toBeGreaterThan(0);
    }

    beforeEach(async () => {
      server = await RedisServer.start();
    });
    afterEach(async () => {
      await Promise.all(open.splice(0).map((wakeup) => wakeup.close()));
      server.thaw();
      await server.remove();
    });

    it('reach a listener in another process, and only the one of that stream', async () => {
      const listening = wakeup();
      const heard: number[] = [];
      const other: number[] = [];
      listening.subscribe(stream, (page) => heard.push(page));
      listening.subscribe('another', (page) => other.push(page));
      await heardThrough(wakeup(), heard);
      expect(other).toEqual([]);
    });

    it('bring small commits to processes of the same cluster, and to no other', async () => {
      const heard: (LandedCommit | undefined)[] = [];
      const elsewhere: (LandedCommit | undefined)[] = [];
      member('secret').subscribe(stream, (_page, commit) => heard.push(commit));
      member('another').subscribe(stream, (_page, commit) => elsewhere.push(commit));
      wakeup().subscribe(stream, (_page, commit) => elsewhere.push(commit));
      const commit = landed('commit '.repeat(2000));
      await announced(member('secret'), commit, () => heard.at(-1) !== undefined && elsewhere.length > 2);
      expect(heard.at(-1)).toEqual(commit);
      expect(elsewhere.every((each) => each === undefined)).toBe(true);
    });

    it('come without a commit that is large', async () => {
      const heard: (LandedCommit | undefined)[] = [];
      member('secret').subscribe(stream, (_page, commit) => heard.push(commit));
      await announced(member('secret'), landed('x'.repeat(16 * 1024 + 1)), () => heard.length > 5);
      expect(heard.every((each) => each === undefined)).toBe(true);
    });

    it('bring no commit that was made up, changed or moved, and are still heard', async () => {
      const heard: [page: number, commit: LandedCommit | undefined][] = [];
      member('secret').subscribe(stream, (page, commit) => heard.push([page, commit]));
      const texts: string[] = [];
      const observer = new Redis(server.url);
      observer.on('message', (_channel, text) => texts.push(text));
      await observer.subscribe(channel);
      const commit = landed('a commit');
      await announced(member('secret'), commit, () => heard.some(([, each]) => each !== undefined));
      const [, sender, sealed = ''] = texts.find((text) => text.split(' ').length === 3)?.split(' ') ?? [];
      observer.disconnect();
      const liar = new Redis(server.url);
      await liar.publish(channel, `7001 ${sender} ${Buffer.from(commit.bytes).toString('base64')}`);
      await liar.publish(channel, `7002 ${sender} ${sealed}`);
      await liar.publish(channel, `7003 ${stream} ${sealed}`);
      liar.disconnect();
      await expect
        .poll(() => heard.slice(-3), until)
        .toEqual([7001, 7002, 7003].map((page) => [page, undefined]));
    });

    it('are connected to nothing before their first use', async () => {
      wakeup();
      const observer = new Redis(server.url);
      const clients = await observer.client('LIST');
      observer.disconnect();
      expect(String(clients)).not.toContain('message-vault');
    });

    it('tell listeners of the announcing process at once and once, though Redis sends them back', async () => {
      const both = wakeup();
      const heard: number[] = [];
      both.subscribe(stream, (page) => heard.push(page));
      both.announce(stream, 1);
      expect(heard).toEqual([1]);
      const witness: number[] = [];
      wakeup().subscribe(stream, (page) => witness.push(page));
      await expect
        .poll(() => {
          both.announce(stream, heard.length + 1);
          return witness.length;
        }, until)
        .toBeGreaterThan(5);
      expect(heard).toEqual(heard.map((_, index) => index + 1));
    });

    it('end with the subscription', async () => {
      const listening = wakeup();
      const heard: number[] = [];
      const end = listening.subscribe(stream, (page) => heard.push(page));
      const announcing = wakeup();
      await heardThrough(announcing, heard);
      end();
      const observer = new Redis(server.url);
      await expect.poll(async () => (await observer.pubsub('NUMSUB', channel))[1], until).toBe(0);
      observer.disconnect();
    });

    it('do not flood Redis with a hot stream: most announcements are joined, the last one arrives', async () => {
      const listening = wakeup();
      const heard: number[] = [];
      listening.subscribe(stream, (page) => heard.push(page));
      const announcing = wakeup();
      await heardThrough(announcing, heard);
      const before = announcing.stats;
      const last = 1_000_000;
      for (let page = last - 20_000; page <= last; page++) announcing.announce(stream, page);
      await expect.poll(() => heard.at(-1), until).toBe(last);
      expect(announcing.stats.announced - before.announced).toBe(20_001);
      expect(announcing.stats.sent - before.sent).toBeLessThan(100);
    });

    it('pass over lies, garbage and repetitions', async () => {
      const listening = wakeup();
      const heard: number[] = [];
      listening.subscribe(stream, (page) => heard.push(page));
      const announcing = wakeup();
      await heardThrough(announcing, heard);
      const liar = new Redis(server.url);
      for (const text of ['', 'nonsense', '-5 x', '9'.repeat(5000), `${2 ** 50} ${stream}`])
        await liar.publish(channel, text);
      for (let repetition = 0; repetition < 3; repetition++) await liar.publish(channel, `77 ${stream}`);
      liar.disconnect();
      await expect.poll(() => heard.filter((page) => page === 77), until).toHaveLength(3);
      expect(listening.stats.ignored).toBe(5);
      expect(heard.every((page) => page < 2 ** 37)).toBe(true);
    });

    it('come back by themselves after Redis was killed and started again, with every subscription', async () => {
      const { logger, lines } = recordingLogger();
      const listening = wakeup(server.url, logger);
      const heard: number[] = [];
      listening.subscribe(stream, (page) => heard.push(page));
      const announcing = wakeup();
      await heardThrough(announcing, heard);
      await server.kill();
      await expect.poll(() => listening.stats.connected, until).toBe(false);
      for (let page = 0; page < 1000; page++) announcing.announce(stream, page);
      heard.length = 0;
      await server.run();
      await heardThrough(announcing, heard);
      expect(lines.map((line) => line.level)).toEqual(['info', 'warn', 'info']);
    });

    it('come back by themselves after Redis hung without closing a connection', async () => {
      const listening = wakeup();
      const heard: number[] = [];
      listening.subscribe(stream, (page) => heard.push(page));
      const announcing = wakeup();
      await heardThrough(announcing, heard);
      server.freeze();
      announcing.announce(stream, 1);
      await expect
        .poll(() => {
          announcing.announce(stream, 2);
          return announcing.stats.dropped;
        }, until)
        .toBeGreaterThan(0);
      server.thaw();
      heard.length = 0;
      await heardThrough(announcing, heard);
    });

    it('cost nothing but a line in the log when Redis was never there', async () => {
      await server.kill();
      const { logger, warnings } = recordingLogger();
      const lonely = wakeup(server.url, logger);
      const heard: number[] = [];
      lonely.subscribe(stream, (page) => heard.push(page));
      for (let page = 1; page <= 100; page++) lonely.announce(stream, page);
      expect(heard).toHaveLength(100);
      await expect.poll(warnings, until).toHaveLength(2);
      expect(lonely.stats).toMatchObject({ connected: false, sent: 0 });
    });

    it('say once that Redis refuses them', async () => {
      const admin = new Redis(server.url);
      await admin.call('ACL', 'SETUSER', 'mute', 'on', '>secret', '+@all', '-publish');
      admin.disconnect();
      const { logger, lines, warnings } = recordingLogger();
      const mute = wakeup(`redis://mute:secret@127.0.0.1:${server.port}`, logger);
      for (let page = 1; page <= 3; page++) {
        mute.announce(stream, page);
        await expect.poll(() => mute.stats.dropped, until).toBe(page);
      }
      expect(warnings()).toEqual(['Redis did not take a command: wake-ups may be missing']);
      expect(lines.at(-1)?.fields).toEqual({ reason: expect.stringContaining('NOPERM') });
    });

    it('say why Redis does not let them in, and never with which password they came', async () => {
      const { logger, lines } = recordingLogger();
      const stranger = wakeup(`redis://:my-password@127.0.0.1:${server.port}`, logger);
      const admin = new Redis(server.url);
      await admin.call('CONFIG', 'SET', 'requirepass', 'another');
      admin.disconnect();
      stranger.subscribe(stream, () => {});
      await expect.poll(() => lines.length, until).toBe(1);
      expect(lines[0]?.fields).toEqual({ purpose: 'listen', reason: expect.stringContaining('WRONGPASS') });
      expect(JSON.stringify(lines)).not.toContain('my-password');
    });

    it('do nothing after they were closed', async () => {
      const closed = wakeup();
      closed.announce(stream, 1);
      await closed.close();
      await closed.close();
      closed.announce(stream, 2);
      closed.subscribe(stream, () => {})();
      expect(closed.stats).toMatchObject({ connected: false, announced: 1 });
    });
  },
);
