// DuckDB in a process of its own: duckdb.mjs DIRECTORY. See serve.mjs.

import { statSync } from 'node:fs';
import { DuckDBInstance } from '@duckdb/node-api';
import { serve } from './serve.mjs';

const file = `${process.argv[2]}/bench.duckdb`;
const instance = await DuckDBInstance.create(file);
const connection = await instance.connect();

async function run(sql) {
  const result = await connection.runAndReadAll(sql);
  return result.getRows().map((row) => row.join('|'));
}

await serve({
  set: (setting) => run(`SET ${setting}`),
  run,
  load: async (csv) => {
    await run("CREATE TYPE stage AS ENUM ('inquiry', 'mql', 'sal', 'sql', 'won')");
    await run(`CREATE TABLE events AS
      SELECT lead, stage::stage AS stage, ts
        FROM read_csv('${csv}', header = false,
                      columns = {lead: 'BIGINT', stage: 'VARCHAR', ts: 'TIMESTAMP'})
       ORDER BY lead, ts`);
    await run('CHECKPOINT');
    const [version] = await run('SELECT version()');
    const [count] = await run('SELECT count(*) FROM events');
    return [`DuckDB ${version}|${count}|${statSync(file).size}`];
  },
});
connection.closeSync();
instance.closeSync();
