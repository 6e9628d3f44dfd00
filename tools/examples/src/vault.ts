/** A node's HTTP interface, as far as the example needs it: nothing here that curl could not do. */
export class Vault {
  readonly #url: string;

  constructor(url: string) {
    this.#url = url.replace(/\/$/, '');
  }

  /** Gives a name its role. */
  async assign(name: string, policy: Readonly<Record<string, unknown>>): Promise<void> {
    await this.#ask('POST', `/${name}`, {
      type: 'application/vnd.message-vault.policy+json',
      body: JSON.stringify(policy),
    });
  }

  /** Takes the role away again, and what the name holds with it. */
  async unassign(name: string): Promise<void> {
    await this.#ask('DELETE', `/${name}/-/policy`);
  }

  /** Has what flows through a router sent to a name or a webhook. */
  async subscribe(
    router: string,
    target: { name: string } | { webhook: string; secret: string },
  ): Promise<void> {
    const body = JSON.stringify({ target });
    await this.#ask('POST', `/${router}/-/subscriptions`, { type: 'application/json', body });
  }

  /** Publishes all of the values, or none. */
  async publish(name: string, values: readonly unknown[]): Promise<void> {
    await this.#ask('POST', `/${name}`, {
      type: 'application/vnd.message-vault.batch+json',
      body: JSON.stringify({ messages: values.map((value) => ({ value })) }),
    });
  }

  /** Takes the next message of a queue under lock; waits for one. Undefined when none came. */
  async take(queue: string, waitSeconds: number): Promise<Taken | undefined> {
    const response = await this.#ask('POST', `/${queue}/-/head?timeout=${waitSeconds}`);
    const lock = response.headers.get('location');
    if (response.status === 204 || lock === null) return undefined;
    const properties: unknown = JSON.parse(response.headers.get('brokerproperties') ?? '{}');
    return { value: await response.json(), lock, deliveryCount: deliveryCountOf(properties) };
  }

  /** Done with it: the message is gone from the queue. */
  async acknowledge({ lock }: Taken): Promise<void> {
    await this.#ask('DELETE', lock);
  }

  async #ask(method: string, path: string, content?: { type: string; body: string }): Promise<Response> {
    const response = await fetch(`${this.#url}${path}`, {
      method,
      ...(content === undefined ? {} : { body: content.body, headers: { 'content-type': content.type } }),
      signal: AbortSignal.timeout(60_000),
    });
    if (response.ok) return response;
    throw new Error(`${method} ${path} was answered with ${response.status}: ${await response.text()}`);
  }
}

export interface Taken {
  readonly value: unknown;
  /** The path of the lock. */
  readonly lock: string;
  /** 1 for who sees it first. */
  readonly deliveryCount: number;
}

function deliveryCountOf(properties: unknown): number {
  if (typeof properties !== 'object' || properties === null || !('DeliveryCount' in properties)) return 0;
  return Number(properties.DeliveryCount);
}
