// jsforce: Bulk API 2.0 and the older Bulk API 1.0.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { refusal, startOrg } from './org.js';

let org;
let connection;
before(async () => {
  org = await startOrg('--empty', '--bulk-delay', '20');
  connection = org.connect();
  for (const bulk of [connection.bulk, connection.bulk2]) Object.assign(bulk, { pollInterval: 50, pollTimeout: 30_000 });
});
after(() => org.stop());

const KEY = 'External_Id__c';
const accounts = (from, to) => Array.from({ length: to - from }, (_, n) => ({ Name: `Bulk ${from + n}`, [KEY]: `b${from + n}` }));

async function collect(stream) {
  const records = [];
  for await (const record of stream) records.push(record);
  return records;
}

test('Bulk 2.0 inserts, upserts, changes and deletes, and tells the outcome of each record', async () => {
  const inserted = await connection.bulk2.loadAndWaitForResults({ object: 'Account', operation: 'insert', input: [...accounts(0, 3), { Name: '', [KEY]: 'bad' }] });
  assert.deepEqual([inserted.successfulResults.length, inserted.failedResults.length], [3, 1]);
  assert.match(inserted.failedResults[0].sf__Error, /^REQUIRED_FIELD_MISSING/);
  assert.ok(inserted.successfulResults.every(({ sf__Created }) => sf__Created === 'true'));

  const upserted = await connection.bulk2.loadAndWaitForResults({
    object: 'Account', operation: 'upsert', externalIdFieldName: KEY, input: accounts(2, 5) });
  assert.deepEqual(upserted.successfulResults.map(({ sf__Created }) => sf__Created).sort(), ['false', 'true', 'true']);

  const ids = upserted.successfulResults.map(({ sf__Id }) => sf__Id);
  const updated = await connection.bulk2.loadAndWaitForResults({
    object: 'Account', operation: 'update', input: ids.map((Id) => ({ Id, Industry: '#N/A', Name: 'Changed' })) });
  assert.equal(updated.successfulResults.length, 3);

  const deleted = await connection.bulk2.loadAndWaitForResults({ object: 'Account', operation: 'delete', input: ids.map((Id) => ({ Id })) });
  assert.equal(deleted.successfulResults.length, 3);
});

test('a Bulk 2.0 job is driven step by step and can be aborted', async () => {
  const job = connection.bulk2.createJob({ object: 'Account', operation: 'insert', columnDelimiter: 'SEMICOLON', lineEnding: 'CRLF' });
  await job.open();
  await job.uploadData('Name;External_Id__c\r\n"Semi; colon";s1\r\n');
  await job.close();
  await job.poll(50, 30_000);
  assert.equal((await job.check()).state, 'JobComplete');
  assert.equal((await job.getAllResults()).successfulResults.length, 1);
  await job.delete();

  const aborted = connection.bulk2.createJob({ object: 'Account', operation: 'insert' });
  await aborted.open();
  await aborted.uploadData('Name\nNever\n');
  await aborted.abort();
  assert.equal((await aborted.check()).state, 'Aborted');
  assert.equal((await aborted.getUnprocessedRecords()).length, 1);
});

test('Bulk 2.0 queries stream every record', async () => {
  await connection.bulk2.loadAndWaitForResults({ object: 'Account', operation: 'insert', input: accounts(1000, 3500) });

  const records = await collect(await connection.bulk2.query("SELECT Id, Name, CreatedDate FROM Account WHERE Name LIKE 'Bulk %'"));
  const all = await collect(await connection.bulk2.query('SELECT Id, IsDeleted FROM Account', { scanAll: true }));

  assert.ok(records.length >= 2500);
  assert.match(records[0].CreatedDate, /Z$/);
  assert.ok(all.length >= records.length && all.some(({ IsDeleted }) => IsDeleted === 'true'));
  assert.equal((await refusal(() => connection.bulk2.query('SELECT Nothing__c FROM Account'))).errorCode, 'INVALID_FIELD');
});

test('Bulk 1.0 inserts, upserts, changes and deletes in input order', async () => {
  const inserted = await connection.bulk.load('Account', 'insert', [{ Name: 'First', Industry: '' }, { Name: '', Industry: 'Banking' }, { Name: 'Third', Industry: '' }]);
  assert.deepEqual(inserted.map(({ success }) => success), [true, false, true]);
  assert.match(inserted[1].errors[0], /REQUIRED_FIELD_MISSING/);

  const upserted = await connection.bulk.load('Account', 'upsert', { extIdField: KEY }, accounts(9000, 9003));
  assert.ok(upserted.every(({ success, id }) => success && id));
  const ids = upserted.map(({ id }) => ({ Id: id }));
  assert.ok((await connection.bulk.load('Account', 'update', ids.map(({ Id }) => ({ Id, Name: 'Changed' })))).every(({ success }) => success));
  assert.ok((await connection.bulk.load('Account', 'delete', ids)).every(({ success }) => success));
});

test('Bulk 1.0 jobs and batches can be driven step by step', async () => {
  const job = connection.bulk.createJob('Account', 'insert', { concurrencyMode: 'Serial' });
  const batch = job.createBatch();
  batch.execute([{ Name: 'In a batch' }]);
  const queued = await new Promise((resolve, reject) => batch.once('queue', resolve).once('error', reject));
  assert.ok(queued.id.startsWith('751'));
  batch.poll(50, 30_000);
  const results = await new Promise((resolve, reject) => batch.once('response', resolve).once('error', reject));
  assert.equal(results[0].success, true);
  assert.equal((await job.close()).state, 'Closed');
  assert.equal((await job.list())[0].state, 'Completed');
});

test('Bulk 1.0 queries stream every record', async () => {
  const records = await collect(await connection.bulk.query("SELECT Id, Name FROM Account WHERE Name LIKE 'Bulk %'"));

  assert.ok(records.length >= 2500 && records.every(({ Id, Name }) => Id && Name));
});

test('records found by a query are changed and deleted in bulk', async () => {
  const changed = await connection.sobject('Account').find({ Name: { $like: 'Bulk 10%' } }).update({ Industry: 'Energy' }, { bulkThreshold: 0 });
  const removed = await connection.sobject('Account').find({ Industry: 'Energy' }).destroy({ bulkThreshold: 0, bulkApiVersion: 2 });

  assert.ok(changed.length > 10 && changed.every(({ success }) => success));
  assert.ok(removed.successfulResults ? removed.successfulResults.length === changed.length : removed.length === changed.length);
});
