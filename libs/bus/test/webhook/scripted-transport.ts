import {
  type WebhookAnswer,
  type WebhookRequest,
  type WebhookTransport,
  WebhookTransportError,
} from '../../src/index.ts';

/** A request that has been sent and waits for what the test lets become of it. */
export interface Sent {
  readonly request: WebhookRequest;
  answer(status: number, headers?: Record<string, string>): void;
  fail(code: WebhookTransportError['code']): void;
}

/** The network as a test wants it: what was sent is on `sent`, and nothing is answered by itself. */
export class ScriptedTransport implements WebhookTransport {
  readonly sent: Sent[] = [];
  closed = false;

  send(request: WebhookRequest): Promise<WebhookAnswer> {
    return new Promise((resolve, reject) => {
      const fail = (code: WebhookTransportError['code']): void =>
        reject(new WebhookTransportError(code, code));
      request.signal.addEventListener('abort', () => fail('aborted'));
      this.sent.push({ request, answer: (status, headers = {}) => resolve({ status, headers }), fail });
    });
  }

  /** The requests to `origin`, in the order in which they were sent. */
  to(origin: string): Sent[] {
    return this.sent.filter(({ request }) => request.url.origin === origin);
  }

  async close(): Promise<void> {
    this.closed = true;
  }
}
