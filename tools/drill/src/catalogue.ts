import type { Drill } from './drill.ts';
import {
  busDeadSubscriber,
  busFreezeMaster,
  busHandover,
  busKillConsumer,
  busKillMaster,
  busObserve,
} from './drills/bus.ts';
import {
  cutMasterFromNodes,
  cutMasterFromStorage,
  cutSlaveFromMaster,
  cutSlaveFromStorage,
  masterStorageReset,
  storageBrownout,
  storageDropsAnswers,
  storageOutage,
  storageSlow,
  storageThrottled,
} from './drills/links.ts';
import { handover, observe, redisDown, restartEverything, rollingRestart } from './drills/planned.ts';
import {
  freezeMaster,
  freezeMasterPastLease,
  killEverything,
  killMaster,
  killMasterMidRoll,
  killReader,
  killSlave,
  secondContender,
} from './drills/processes.ts';
import { leaderDocumentDeleted, leaseBroken, storageRolledBack } from './drills/records.ts';

/** Every drill, in the order they are listed and run. */
export const drills: readonly Drill[] = [
  observe,
  handover,
  rollingRestart,
  killMaster,
  killMasterMidRoll,
  freezeMaster,
  freezeMasterPastLease,
  secondContender,
  killSlave,
  killReader,
  cutMasterFromStorage,
  masterStorageReset,
  cutMasterFromNodes,
  cutSlaveFromMaster,
  cutSlaveFromStorage,
  storageSlow,
  storageThrottled,
  storageBrownout,
  storageDropsAnswers,
  storageOutage,
  leaseBroken,
  leaderDocumentDeleted,
  storageRolledBack,
  killEverything,
  restartEverything,
  redisDown,
  busObserve,
  busKillMaster,
  busFreezeMaster,
  busHandover,
  busKillConsumer,
  busDeadSubscriber,
];
