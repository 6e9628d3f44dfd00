import { decodeBatch, decodeBatchHeader, encodeBatch } from '@message-vault/framing';
import type { NodePorts, PublishRequest } from '@message-vault/http';
import { overlaid } from './overlaid.ts';
import type { Plant } from './plant.ts';

/** The leader itself still knows who published what; what it writes down no longer says so. */
export const forgetWindow: Plant = {
  name: 'forget-window',
  says: 'the next leader can not tell from the log which batches it holds: a repeat across a takeover is stored twice',
  ports: (ports) => {
    const publish: NodePorts['publish'] = (request) => ports.publish(anonymous(request));
    return overlaid(ports, { publish });
  },
};

function anonymous(request: PublishRequest): PublishRequest {
  const { messages, header } = decodeBatch(request.batch);
  const batch = encodeBatch({ messages, codec: header.codec });
  return { ...request, batch, header: { ...decodeBatchHeader(batch), producer: header.producer } };
}
