import { describe, expect, it } from 'vitest';
import { traceIdOf } from '../src/index.ts';

const ID = '4bf92f3577b34da6a3ce929d0e0e4736';
const SPAN = '00f067aa0ba902b7';

describe('the id of a trace', () => {
  it.each([
    ['of the version there is', `00-${ID}-${SPAN}-01`],
    ['of one to come', `01-${ID}-${SPAN}-00`],
    ['of one to come that says more', `cc-${ID}-${SPAN}-01-what the future will be like`],
  ])('is found in a traceparent %s', (_, header) => {
    expect(traceIdOf(header)).toBe(ID);
  });

  it.each([
    ['nothing', undefined],
    ['an empty header', ''],
    ['something else', ID],
    ['capital letters', `00-${ID.toUpperCase()}-${SPAN}-01`],
    ['the version that is none', `ff-${ID}-${SPAN}-01`],
    ['more than its version has', `00-${ID}-${SPAN}-01-more`],
    ['an id of zeros', `00-${'0'.repeat(32)}-${SPAN}-01`],
    ['a parent of zeros', `00-${ID}-${'0'.repeat(16)}-01`],
    ['an id too short', `00-${ID.slice(1)}-${SPAN}-01`],
    ['no flags', `00-${ID}-${SPAN}`],
    ['a header given twice', `00-${ID}-${SPAN}-01, 00-${ID}-${SPAN}-01`],
    ['a line after it', `00-${ID}-${SPAN}-01\n`],
  ])('is not found in %s', (_, header) => {
    expect(traceIdOf(header)).toBeUndefined();
  });
});
