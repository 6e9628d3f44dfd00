import type { Plant } from './plant.ts';

/** Subscriptions come back from storage without what they were filtered by. */
export const forgetFilters: Plant = {
  name: 'forget-filters',
  profile: 'policies',
  says: 'a new leader does not know what subscribers want: from then on they are given everything',
  beforeLine: (storage) => {
    const { documents } = storage;
    return {
      ...storage,
      documents: {
        ...documents,
        get: async (path, options) => {
          const found = await documents.get(path, options);
          if (found === undefined || !path.startsWith('routers/')) return found;
          const text = Buffer.from(found.body).toString('utf8');
          return { ...found, body: Buffer.from(JSON.stringify(JSON.parse(text, withoutFilter))) };
        },
      },
    };
  },
};

function withoutFilter(key: string, value: unknown): unknown {
  return key === 'filter' ? undefined : value;
}
