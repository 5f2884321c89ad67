import type { ClientBase, Pool } from 'pg'

/** The shortest query there is: a lookup by primary key. Asks for the id. */
export const itemQuery = 'select note from items where id = $1'

/** What {@link itemQuery} reads from: ten thousand rows. */
export async function createItems(client: ClientBase | Pool): Promise<void> {
  await client.query('create table items (id int primary key, note text)')
  await client.query("insert into items select n, 'note' from generate_series(1, 10000) n")
  await client.query('analyze items')
}
