import { describe, expect, it } from 'vitest';
import { createMetrics } from '../src/index.ts';

describe('metrics', () => {
  it('come out as Prometheus text with the node in every series', async () => {
    const metrics = createMetrics({ nodeId: 'n1', processMetrics: false });
    metrics.httpRequests.inc({ method: 'POST', route: 'publish', status: 201 });
    metrics.publishedMessages.inc(42);
    const text = await metrics.text();
    expect(text).toContain(
      'mvault_http_requests_total{method="POST",route="publish",status="201",node="n1"} 1',
    );
    expect(text).toContain('mvault_published_messages_total{node="n1"} 42');
    expect(metrics.contentType).toContain('text/plain');
  });

  it('show exactly one role at a time', async () => {
    const metrics = createMetrics({ nodeId: 'n1', processMetrics: false });
    metrics.setRole('standby');
    metrics.setRole('leading');
    const ones = (await metrics.text())
      .split('\n')
      .filter((line) => line.startsWith('mvault_role{') && line.endsWith(' 1'));
    expect(ones).toEqual(['mvault_role{role="leading",node="n1"} 1']);
  });

  it('of two nodes in one process are kept apart', async () => {
    const one = createMetrics({ nodeId: 'n1', processMetrics: false });
    const two = createMetrics({ nodeId: 'n2', processMetrics: false });
    one.publishedBytes.inc(7);
    expect(await two.text()).toContain('mvault_published_bytes_total{node="n2"} 0');
  });

  it('tell about the process when asked to', async () => {
    const metrics = createMetrics({ nodeId: 'n1', processMetrics: true });
    expect(await metrics.text()).toContain('mvault_process_resident_memory_bytes');
  });
});
