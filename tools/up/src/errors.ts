export type ClusterErrorCode =
  /** An option makes no sense; the message says which and what was expected. */
  | 'bad_option'
  /** The folder can't be made or written to. */
  | 'bad_directory'
  /** Another process runs a cluster in this folder. */
  | 'already_running'
  /** Ports that the cluster needs are in use. Nothing was started. */
  | 'port_taken'
  /** A process ended, or did not get ready in time, while the cluster was starting. Everything was stopped again. */
  | 'not_ready'
  /** No process of that name in this cluster. */
  | 'no_such_process';

/** Expected failure of the local cluster; the message is written for whoever typed the command. */
export class ClusterError extends Error {
  override readonly name = 'ClusterError';
  readonly code: ClusterErrorCode;

  constructor(code: ClusterErrorCode, message: string, options: { cause?: unknown } = {}) {
    super(message, options);
    this.code = code;
  }
}
