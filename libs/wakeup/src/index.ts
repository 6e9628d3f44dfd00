export { inProcessWakeup } from './in-process.ts';
export { type RedisWakeupOptions, redisWakeup } from './redis.ts';
export type { ReadSecrets } from './seal.ts';
export type { GrowthListener, Wakeup, WakeupLogger, WakeupStats } from './wakeup.ts';
