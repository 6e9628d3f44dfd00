/** For `node --import`: sets the collector up for buffers in a program that is not ours. */
import { tuneCollectorForBuffers } from './collector.ts';

tuneCollectorForBuffers();
