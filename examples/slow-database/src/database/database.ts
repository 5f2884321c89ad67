import { readFile } from 'node:fs/promises'
import type { PostgresServer } from '@spillway/test-support/postgres'
import { startPostgres } from '@spillway/test-support/postgres'
import pg from 'pg'

/** How the scarce thing behaves; see `storage.sql`. */
export interface Storage {
  /** Queries that can run at once. */
  readonly slots: number
  /** How long a query holds its slot. */
  readonly holdMs: number
  /** Part of the queries that hold it `heavyFactor` times longer. @default 0 */
  readonly heavyRatio?: number
  /** @default 1 */
  readonly heavyFactor?: number
}

/** Enough to make a `pg` Pool in another process. */
export interface ShopConnection {
  readonly host: string
  readonly port: number
  readonly user: string
  readonly database: string
}

/** One PostgreSQL server with a shop of its own for everybody who asks. */
export interface ShopDatabase {
  /** A new shop with its own tables and its own slots. */
  createShop(name: string): Promise<ShopConnection>
  /** Forgets a shop, whoever is still connected to it. */
  dropShop(connection: ShopConnection): Promise<void>
  /** Makes all shops, or only one, fast or slow, from their next query on. */
  setStorage(storage: Storage, only?: ShopConnection): Promise<void>
  /** Queries a second that a shop answers with `storage`, measured while nothing else runs. */
  measureCapacity(storage: Storage, queries: number): Promise<number>
  stop(): Promise<void>
}

/** The connections that shops keep in their pools, and some for us. */
const maxConnections = 300

export async function startShopDatabase(initial: Storage): Promise<ShopDatabase> {
  const server = await startPostgres({
    settings: { max_connections: maxConnections, shared_buffers: '128MB' },
  })
  try {
    const database = new PostgresShops(server, initial)
    await database.seed()
    return database
  } catch (error) {
    await server.stop()
    throw error
  }
}

class PostgresShops implements ShopDatabase {
  readonly #server: PostgresServer
  readonly #initial: Storage
  readonly #clients = new Map<string, pg.Client>()

  constructor(server: PostgresServer, initial: Storage) {
    this.#server = server
    this.#initial = initial
  }

  /** Fills a template that is copied for each shop. */
  async seed(): Promise<void> {
    await (await this.#client('postgres')).query('CREATE DATABASE shop')
    const client = await this.#client('shop')
    for (const file of ['storage.sql', 'shop.sql']) {
      await client.query(await readFile(new URL(file, import.meta.url), 'utf8'))
    }
    await client.query('INSERT INTO storage.settings VALUES ($1, $2, $3, $4)', row(this.#initial))
    // A database in use cannot be copied.
    this.#clients.delete('shop')
    await client.end()
  }

  async createShop(name: string): Promise<ShopConnection> {
    const database = `shop_${name.replaceAll(/\W/g, '_')}`
    const admin = await this.#client('postgres')
    await admin.query(`CREATE DATABASE ${pg.escapeIdentifier(database)} TEMPLATE shop`)
    await this.#client(database)
    return this.#connection(database)
  }

  async dropShop({ database }: ShopConnection): Promise<void> {
    const client = this.#clients.get(database)
    this.#clients.delete(database)
    await client?.end()
    const admin = await this.#client('postgres')
    await admin.query(`DROP DATABASE IF EXISTS ${pg.escapeIdentifier(database)} WITH (FORCE)`)
  }

  async setStorage(storage: Storage, only?: ShopConnection): Promise<void> {
    const shops = [...this.#clients].filter(
      ([database]) => database === (only?.database ?? database) && database !== 'postgres',
    )
    await Promise.all(
      shops.map(([, client]) =>
        client.query(
          'UPDATE storage.settings SET (slots, hold_ms, heavy_ratio, heavy_factor) = ($1, $2, $3, $4)',
          row(storage),
        ),
      ),
    )
  }

  async measureCapacity(storage: Storage, queries: number): Promise<number> {
    const connection = await this.createShop('probe')
    const pool = new pg.Pool({ ...connection, max: storage.slots * 2 })
    // Dropping the shop may reach a connection before its own goodbye does.
    pool.on('error', () => {})
    try {
      await this.setStorage(storage)
      await timeQueries(pool, storage.slots * 2)
      return queries / ((await timeQueries(pool, queries)) / 1000)
    } finally {
      await pool.end()
      await this.dropShop(connection)
    }
  }

  async stop(): Promise<void> {
    await Promise.allSettled([...this.#clients.values()].map((client) => client.end()))
    await this.#server.stop()
  }

  #connection(database: string): ShopConnection {
    const { host, port, user } = this.#server
    return { host, port, user, database }
  }

  async #client(database: string): Promise<pg.Client> {
    const known = this.#clients.get(database)
    if (known !== undefined) return known
    const client = new pg.Client(this.#connection(database))
    // The server may be stopped under us; whoever waits for an answer gets the error anyway.
    client.on('error', () => {})
    await client.connect()
    this.#clients.set(database, client)
    return client
  }
}

function row({ slots, holdMs, heavyRatio = 0, heavyFactor = 1 }: Storage): number[] {
  return [slots, holdMs, heavyRatio, heavyFactor]
}

/** Milliseconds that so many queries take when as many as the pool allows are always waiting. */
async function timeQueries(pool: pg.Pool, queries: number): Promise<number> {
  const startedAt = performance.now()
  await Promise.all(
    Array.from({ length: queries }, async (_, index) =>
      pool.query('SELECT * FROM get_item($1)', [1 + index]),
    ),
  )
  return performance.now() - startedAt
}

/** Queries a second that the slots allow; what the server needs beside comes on top. */
export function computedCapacity(storage: Storage): number {
  const { slots, holdMs, heavyRatio = 0, heavyFactor = 1 } = storage
  return (slots * 1000) / (holdMs * (1 + heavyRatio * (heavyFactor - 1)))
}
