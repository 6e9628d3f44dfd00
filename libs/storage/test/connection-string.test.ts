import { azureStorage, isStorageError } from '@message-vault/storage';
import { describe, expect, it } from 'vitest';
import { parseConnectionString } from '../src/azure/connection-string.ts';

describe('connection string', () => {
  it('makes the endpoint of an account from its name', () => {
    expect(
      parseConnectionString(
        'DefaultEndpointsProtocol=https;AccountName=acc;AccountKey=a2V5PT0=;EndpointSuffix=core.windows.net',
      ),
    ).toEqual({
      blobUrl: 'https://acc.blob.core.windows.net',
      queueUrl: 'https://acc.queue.core.windows.net',
      access: { kind: 'key', accountName: 'acc', accountKey: 'a2V5PT0=' },
    });
    expect(
      parseConnectionString('AccountName=acc;AccountKey=a2V5;EndpointSuffix=core.chinacloudapi.cn').blobUrl,
    ).toBe('https://acc.blob.core.chinacloudapi.cn');
  });

  it('takes an endpoint that is given, of an Azurite on any port', () => {
    const text =
      'AccountName=devstoreaccount1;AccountKey=a2V5;BlobEndpoint=http://127.0.0.1:7777/devstoreaccount1/;QueueEndpoint=http://127.0.0.1:7778/devstoreaccount1';
    expect(parseConnectionString(text)).toMatchObject({
      blobUrl: 'http://127.0.0.1:7777/devstoreaccount1',
      queueUrl: 'http://127.0.0.1:7778/devstoreaccount1',
    });
  });

  it.each([
    ['of the account, when no endpoint is given', '', 'https://acc.queue.core.windows.net'],
    [
      'beside a blob endpoint that is given',
      'BlobEndpoint=https://acc.z01.blob.storage.azure.net/;',
      'https://acc.z01.queue.storage.azure.net',
    ],
    [
      'where they are said to be',
      'BlobEndpoint=https://acc.blob.core.windows.net;QueueEndpoint=https://queues.example/;',
      'https://queues.example',
    ],
    ['nowhere, beside a name of one’s own', 'BlobEndpoint=https://blobs.example;', undefined],
  ])('looks for queues %s', (_, endpoints, queueUrl) => {
    const text = `AccountName=acc;AccountKey=a2V5;${endpoints}`;
    expect(parseConnectionString(text).queueUrl).toBe(queueUrl);
  });

  it('knows the Azurite on its usual ports', () => {
    const { blobUrl, queueUrl, access } = parseConnectionString('UseDevelopmentStorage=true');
    expect(blobUrl).toBe('http://127.0.0.1:10000/devstoreaccount1');
    expect(queueUrl).toBe('http://127.0.0.1:10001/devstoreaccount1');
    expect(access).toMatchObject({ kind: 'key', accountName: 'devstoreaccount1' });
  });

  it('takes a shared access signature in place of a key, whatever the case of the names and the spaces around', () => {
    expect(
      parseConnectionString(
        ' blobendpoint=https://acc.blob.core.windows.net ; SharedAccessSignature=?sv=1&sig=a%3D ;',
      ),
    ).toEqual({
      blobUrl: 'https://acc.blob.core.windows.net',
      queueUrl: 'https://acc.queue.core.windows.net',
      access: { kind: 'sas', query: 'sv=1&sig=a%3D' },
    });
  });

  it.each([
    '',
    'AccountName=acc',
    'AccountKey=c2VjcmV0',
    'AccountName=acc;c2VjcmV0',
    'AccountName=acc;AccountKey=c2VjcmV0;BlobEndpoint=nowhere',
    'AccountName=acc;AccountKey=c2VjcmV0;QueueEndpoint=nowhere',
    'UseDevelopmentStorage=false',
  ])('refuses %j, without repeating what may be secret', (text) => {
    const failure: unknown = (() => {
      try {
        return azureStorage({ connectionString: text });
      } catch (error) {
        return error;
      }
    })();
    expect(isStorageError(failure, 'invalid_request')).toBe(true);
    expect(String(failure)).not.toContain('c2VjcmV0');
  });

  it.each([{ accountUrl: 'acc.blob.core.windows.net' }, { containerSasUrl: 'file:///etc/x?sig=1' }])(
    'refuses %o as no URL of a storage',
    (how) => {
      expect(() => azureStorage(how)).toThrow(/http/);
    },
  );
});
