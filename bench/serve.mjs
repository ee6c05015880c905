// The conversation with bench/run that both peers hold. A request is one line
// on standard input:
//
//   set SETTING = VALUE    not timed
//   run SQL                timed; all its rows are read
//   load CSV               makes and fills the peer's table; answers with the
//                          engine's name and version, rows, and bytes on disk
//   load_seconds           makes a second table with whole seconds (ClickHouse)
//   quit
//
// The answer is rows of text, then "Time: N ms" for all but set, then "@done".

import readline from 'node:readline';

export async function serve(actions) {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const [, action, argument] = line.match(/^(\w+) ?(.*)$/);
    if (action === 'quit') break;
    try {
      const started = process.hrtime.bigint();
      const rows = await actions[action](argument);
      const elapsed = Number(process.hrtime.bigint() - started) / 1e6;
      for (const row of rows ?? []) console.log(row);
      if (action !== 'set') console.log(`Time: ${elapsed.toFixed(3)} ms`);
    } catch (error) {
      console.log(`ERROR: ${String(error.message ?? error).split('\n')[0]}`);
    }
    console.log('@done');
  }
}
