/** What a `curl` line of a page asks for: words, and single-quoted ones. */
export function request(line: string): { url: string; init: RequestInit } {
  const words = [...line.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? '');
  const init: RequestInit & { headers: [string, string][] } = { method: 'GET', headers: [] };
  let url = '';
  for (let word = words.shift(); word !== undefined; word = words.shift()) {
    const [name = '', value = ''] = word === '-H' ? (words.shift() ?? '').split(': ') : [];
    if (word === '-H') init.headers.push([name, value]);
    else if (word === '-d') Object.assign(init, { method: 'POST', body: words.shift() });
    else if (word === '-X') init.method = words.shift() ?? '';
    else if (word.startsWith('http')) url = word;
  }
  return { url, init };
}
