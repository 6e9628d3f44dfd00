export { SeededRandom } from './random.ts';
export { VirtualRuntime } from './virtual-runtime.ts';
