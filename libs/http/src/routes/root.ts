import type { HttpContext } from '../exchange.ts';
import { escapeXml } from '../names/xml.ts';

const LINKS = {
  ready: '/-/health/ready',
  live: '/-/health/live',
  cluster: '/-/cluster',
  names: '/-/names',
  metrics: '/-/metrics',
} as const;

const TITLE = 'Message Vault';
const WHAT = 'Publish-subscribe with replay: POST to a name to publish, GET it to read, from any point.';

/** What this node is and where to go on. */
export function rootJson(context: HttpContext) {
  const { nodeId, role, epoch, leader } = context.ports.status();
  const { version } = context.options;
  return {
    title: TITLE,
    description: WHAT,
    version,
    nodeId,
    role,
    epoch,
    leader: leader ?? null,
    links: LINKS,
  };
}

/** The same for a person: one page that needs nothing else. */
export function rootPage(context: HttpContext): string {
  const { nodeId, role, epoch, leader, version } = rootJson(context);
  const facts = [
    ['Node', nodeId],
    ['Role', role],
    ['Epoch', String(epoch)],
    ['Leader', leader === null ? 'none known' : `${leader.nodeId}, ${leader.url}`],
    ['Version', version],
  ];
  const rows = facts.map(
    ([what = '', value = '']) => `<dt>${escapeXml(what)}</dt><dd>${escapeXml(value)}</dd>`,
  );
  const links = Object.entries(LINKS).map(
    ([what, path]) => `<li><a href="${path}">${escapeXml(what)}</a></li>`,
  );
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${TITLE}: ${escapeXml(nodeId)}</title>
<style>
  :root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
  body { max-width: 44rem; margin: 3rem auto; padding: 0 1rem; }
  dl { display: grid; grid-template-columns: max-content 1fr; gap: .25rem 1.5rem; }
  dt { opacity: .7; } dd { margin: 0; }
  pre { padding: 1rem; border: 1px solid #8884; border-radius: .5rem; overflow-x: auto; }
</style>
<h1>${TITLE}</h1>
<p>${WHAT}</p>
<dl>${rows.join('')}</dl>
<ul>${links.join('')}</ul>
<pre>curl -d '{"sku":1}' -H 'content-type: application/json' HERE/orders
curl 'HERE/orders?from=earliest&amp;limit=10'
curl -N -H 'accept: text/event-stream' 'HERE/orders?from=latest'</pre>
</html>
`;
}
