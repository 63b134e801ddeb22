// Sends rows of Postgres to Salesforce with jsforce, as its users do it. The arguments, the environment and the steps
// are those of push_by_simple_salesforce.py. NODE_PATH leads to jsforce.
import { execFile } from 'node:child_process';
import { createReadStream } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const jsforce = createRequire(import.meta.url)('jsforce');
const KEY = 'External_Id__c';
const { DATABASE_URL, SALESFORCE_URL, SALESFORCE_SESSION } = process.env;
const folder = await mkdtemp(join(tmpdir(), 'push-by-jsforce-'));

async function psql(...commands) {
  const program = [DATABASE_URL, '-X', '-q', '-At', '-v', 'ON_ERROR_STOP=1', ...commands.flatMap((command) => ['-c', command])];
  const { stdout } = await promisify(execFile)('psql', program, { maxBuffer: 2 ** 30 });
  return stdout;
}

/** Gives the rows the ids that Salesforce gave the records. */
async function note(statement, done) {
  const file = join(folder, 'done.csv');
  await writeFile(file, done.map(([key, id]) => `${key},${id}\n`).join(''));
  await psql('create temp table done (key text, sfid text)', `\\copy done from '${file}' csv`, statement);
}

async function byCollections(connection, { operation, object, rows: query }) {
  const lines = await psql(`select row_to_json(row) from (${query}) as row`);
  const rows = lines.split('\n').filter(Boolean).map((line) => JSON.parse(line));
  const done = [];
  const sobject = connection.sobject(object);
  for (let start = 0; start < rows.length; start += 200) {
    const part = rows.slice(start, start + 200);
    const answers = await sobject[operation](operation === 'delete' ? part.map(({ Id }) => Id) : part);
    answers.forEach(({ success, id, errors }, at) => {
      if (!success) throw new Error(JSON.stringify(errors));
      done.push([part[at][KEY], id]);
    });
  }
  return done;
}

async function byBulk(connection, { operation, object, rows }) {
  const file = join(folder, 'rows.csv');
  await psql(`\\copy (${rows}) to '${file}' csv header`);
  const results = await connection.bulk2.loadAndWaitForResults({
    object, operation, input: createReadStream(file), pollTimeout: 600_000,
  });
  if (results.failedResults.length) throw new Error(JSON.stringify(results.failedResults[0]));
  return results.successfulResults.map((row) => [row[KEY], row.sf__Id]);
}

const send = { collections: byCollections, bulk: byBulk }[process.argv[2]];
const connection = new jsforce.Connection({ instanceUrl: SALESFORCE_URL, accessToken: SALESFORCE_SESSION, version: '66.0' });
try {
  for (const step of JSON.parse(await readFile(process.argv[3], 'utf8'))) {
    const done = await send(connection, step);
    if (step.note) await note(step.note, done);
  }
} finally {
  await rm(folder, { recursive: true });
}
