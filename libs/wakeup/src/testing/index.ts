export { noRedisBecause, RedisServer } from './redis-server.ts';
