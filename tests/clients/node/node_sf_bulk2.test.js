// node-sf-bulk2: Bulk API 2.0 call by call, over axios.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import pkg from 'node-sf-bulk2';
import { startOrg } from './org.js';

const { BulkAPI2, RESULTTYPE } = pkg;

let org;
let bulk;
before(async () => {
  org = await startOrg('--bulk-delay', '20');
  bulk = new BulkAPI2({ accessToken: org.access_token, instanceUrl: org.url, apiVersion: '62.0', callOptions: { client: 'conformance' } });
});
after(() => org.stop());

async function until(look, isDone) {
  for (;;) {
    const seen = await look();
    if (isDone(seen)) return seen;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

test('a query job is made, listed, read page by page and deleted', async () => {
  const { id } = await bulk.submitBulkQueryJob({ operation: 'query', query: 'SELECT Id, Name FROM Contact' });
  await until(() => bulk.getBulkQueryJobInfo(id), ({ state }) => state === 'JobComplete');
  assert.ok((await bulk.getAllBulkQueryJobInfo({ jobType: 'V2Query' })).records.some((job) => job.id === id));

  let locator;
  let rows = 0;
  do {
    const page = await bulk.getBulkQueryResults(id, locator, 1000);
    rows += Number(page.headers['sforce-numberofrecords']);
    assert.equal(page.data.trim().split('\n').length - 1, Number(page.headers['sforce-numberofrecords']));
    locator = page.headers['sforce-locator'];
  } while (locator !== 'null');
  const { resultPages } = await bulk.getBulkQueryResultPages(id);
  const first = await bulk.getResultPage(org.url + resultPages[0].resultUrl);

  assert.ok(rows > 2000);
  assert.match(first.data, /^"Id","Name"/);
  await bulk.deleteBulkQueryJob(id);
  await assert.rejects(bulk.getBulkQueryJobInfo(id), ({ response }) => response.status === 404);
});

test('an ingest job is made, fed, closed, read, listed and deleted', async () => {
  const job = await bulk.createDataUploadJob({ object: 'Account', operation: 'insert' });
  assert.equal(await bulk.uploadJobData(job.contentUrl, 'Name\nOne\n""\n'), 201);
  await bulk.closeOrAbortJob(job.id, 'UploadComplete');
  const info = await until(() => bulk.getIngestJobInfo(job.id), ({ state }) => state === 'JobComplete');

  assert.deepEqual([info.numberRecordsProcessed, info.numberRecordsFailed], [2, 1]);
  assert.match(await bulk.getResults(job.id, RESULTTYPE.successfulResults), /^"sf__Id","sf__Created","Name"/);
  assert.match(await bulk.getResults(job.id, RESULTTYPE.failedResults), /REQUIRED_FIELD_MISSING/);
  assert.ok((await bulk.getAllIngestJobInfo()).records.some(({ id }) => id === job.id));
  await bulk.deleteIngestJob(job.id);
});

test('a job and its data arrive in one request', async () => {
  const { id, state } = await bulk.createDataUploadJobWithData({ object: 'Account', operation: 'insert', contentType: 'CSV' }, 'Name\nAt once\n');

  assert.equal(state, 'UploadComplete');
  const info = await until(() => bulk.getIngestJobInfo(id), (job) => job.state === 'JobComplete');
  assert.equal(info.numberRecordsProcessed, 1);
});

test('a query job is aborted', async () => {
  const { id } = await bulk.submitBulkQueryJob({ operation: 'query', query: 'SELECT Id FROM Contact' });

  assert.equal((await bulk.abortBulkQueryJob(id)).state, 'Aborted');
});
