/** Asks a node whether it is ready to do its role's work: true, or why not. */
export async function nodeIsReady(url: string, signal: AbortSignal): Promise<true | string> {
  return ask(`${url}/-/health/ready`, signal, async (response) => {
    if (response.ok) return true;
    const body = (await response.text()).slice(0, 500);
    return `${response.status} ${body}`;
  });
}

/** Asks whether anybody speaks HTTP there, whatever is said. */
export async function answers(url: string, signal: AbortSignal): Promise<true | string> {
  return ask(url, signal, async (response) => {
    await response.arrayBuffer();
    return true;
  });
}

async function ask(
  url: string,
  signal: AbortSignal,
  judge: (response: Response) => Promise<true | string>,
): Promise<true | string> {
  try {
    return await judge(await fetch(url, { signal }));
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const cause = error.cause instanceof Error ? error.cause.message : error.message;
    return cause || 'no answer';
  }
}
