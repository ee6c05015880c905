// ClickHouse, embedded, in a process of its own: clickhouse.mjs DIRECTORY.
// See serve.mjs.

import { Session } from 'chdb';
import { serve } from './serve.mjs';

const session = new Session(`${process.argv[2]}/clickhouse`);

function run(sql) {
  const text = session.query(sql, 'TSV').trimEnd();
  return text === '' ? [] : text.replaceAll('\t', '|').split('\n');
}

const stage = "Enum8('inquiry' = 1, 'mql' = 2, 'sal' = 3, 'sql' = 4, 'won' = 5)";

await serve({
  set: (setting) => run(`SET ${setting}`),
  run,
  load: (csv) => {
    run(`CREATE TABLE events (lead Int64, stage ${stage}, at UInt64)
           ENGINE = MergeTree ORDER BY (lead, at)`);
    run(`INSERT INTO events SELECT lead, stage, toUnixTimestamp64Micro(at)
           FROM file('${csv}', CSV, 'lead Int64, stage ${stage.replaceAll("'", "''")}, at DateTime64(6, ''UTC'')')`);
    run('OPTIMIZE TABLE events FINAL');
    const [version] = run('SELECT version()');
    const [count] = run('SELECT count() FROM events');
    const [bytes] = run("SELECT sum(bytes_on_disk) FROM system.parts WHERE active AND table = 'events'");
    return [`ClickHouse ${version} (embedded)|${count}|${bytes}`];
  },
  load_seconds: () => {
    run(`CREATE TABLE events_seconds (lead Int64, stage ${stage}, at DateTime('UTC'))
           ENGINE = MergeTree ORDER BY (lead, at)`);
    run('INSERT INTO events_seconds SELECT lead, stage, toDateTime(intDiv(at, 1000000)) FROM events');
    run('OPTIMIZE TABLE events_seconds FINAL');
  },
});
session.close();
