// Submits jobs that do nothing to graphile-worker and drains them, on the PostgreSQL of a connection string, and prints
// the rates. `cargo bench -p pssp-backend-postgres --bench drain` runs it on its own server if it is told to:
//
//   npm ci --prefix bench/graphile
//   PSSP_BENCH_PEER='node bench/graphile/drain.mjs' cargo bench -p pssp-backend-postgres --bench drain
//
// The settings of the worker are those that its manual recommends for speed: a local queue, and completions in groups.
import { Logger, makeWorkerUtils, run, runMigrations } from 'graphile-worker';
import pg from 'pg';

const [, , connectionString, count = '100000', clients = '64'] = process.argv;
const total = Number(count);
const quiet = new Logger(() => (level, message) => {
  if (level === 'error') console.error(message);
});

function rate(name, began) {
  const seconds = (performance.now() - began) / 1000;
  console.log(`graphile ${name} ${Math.round(total / seconds)} jobs/s`);
}

await runMigrations({ connectionString, logger: quiet });
const pool = new pg.Pool({ connectionString, max: Number(clients) });

let began = performance.now();
let left = total;
await Promise.all(
  Array.from({ length: Number(clients) }, async () => {
    while (left-- > 0) {
      await pool.query("SELECT graphile_worker.add_job('nothing', $1::json)", ['{"sequence":"MKTAYIAKQRQISFVKSHFSRQ"}']);
    }
  }),
);
rate(`submitted one by one from ${clients} clients`, began);

let done = 0;
let finished;
const all = new Promise((resolve) => {
  finished = resolve;
});
began = performance.now();
const runner = await run({
  connectionString,
  logger: quiet,
  noHandleSignals: true,
  taskList: {
    nothing: async () => {
      done += 1;
      if (done === total) finished();
    },
  },
  preset: {
    worker: {
      concurrentJobs: 24,
      maxPoolSize: 10,
      pollInterval: 2000,
      localQueue: { size: 500 },
      completeJobBatchDelay: 0,
      failJobBatchDelay: 0,
    },
  },
});
await all;
await runner.stop();
rate('drained', began);

const utils = await makeWorkerUtils({ connectionString, logger: quiet });
const times = [];
const waiting = new Map();
const idle = await run({
  connectionString,
  logger: quiet,
  noHandleSignals: true,
  taskList: { one: async ({ n }) => waiting.get(n)?.() },
  preset: { worker: { concurrentJobs: 1, pollInterval: 60000 } },
});
for (let n = 0; n < 200; n += 1) {
  await new Promise((resolve) => setTimeout(resolve, 5));
  const start = performance.now();
  const seen = new Promise((resolve) => waiting.set(n, resolve));
  await utils.addJob('one', { n });
  await seen;
  times.push(performance.now() - start);
}
times.sort((a, b) => a - b);
console.log(`graphile idle ${times[100].toFixed(1)} ms from submit until the work begins`);
await idle.stop();
await utils.release();
await pool.end();
