import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';
import { numberIn, type Row } from './rows.ts';

/** One connection to the database file: each text of SQL is compiled once. */
export class Connection {
  readonly #database: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();

  /** Waits up to `lockTimeoutMs` for a lock, blocking; see `answerBusyAtOnce`. */
  constructor(path: string, lockTimeoutMs: number) {
    this.#database = new DatabaseSync(path, { timeout: lockTimeoutMs });
  }

  get inTransaction(): boolean {
    return this.#database.isTransaction;
  }

  /** Of what the transaction that is open shows: another one when another connection has committed, by whichever process. */
  get version(): number {
    return numberIn(this.get('PRAGMA data_version') ?? {}, 'data_version');
  }

  exec(sql: string): void {
    this.#database.exec(sql);
  }

  get(sql: string, ...values: SQLInputValue[]): Row | undefined {
    return this.#statement(sql).get(...values);
  }

  all(sql: string, ...values: SQLInputValue[]): Row[] {
    return this.#statement(sql).all(...values);
  }

  each(sql: string, ...values: SQLInputValue[]): Iterable<Row> {
    return this.#statement(sql).iterate(...values);
  }

  /** Answers how many rows were changed. */
  run(sql: string, ...values: SQLInputValue[]): number {
    return Number(this.#statement(sql).run(...values).changes);
  }

  /** From now on whoever finds a lock taken is told so, instead of blocking the thread until it is free. */
  answerBusyAtOnce(): void {
    this.exec('PRAGMA busy_timeout = 0');
  }

  /** Undoes a transaction that failed, unless SQLite has done so by itself. */
  rollBack(): void {
    if (this.inTransaction) this.exec('ROLLBACK');
  }

  close(): void {
    this.#statements.clear();
    this.#database.close();
  }

  #statement(sql: string): StatementSync {
    const known = this.#statements.get(sql);
    if (known !== undefined) return known;
    const made = this.#database.prepare(sql);
    this.#statements.set(sql, made);
    return made;
  }
}
