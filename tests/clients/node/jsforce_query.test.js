// jsforce: describe, query, search and everything else that reads.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import jsforce from 'jsforce';
import { refusal, startOrg } from './org.js';

let org;
let connection;
before(async () => {
  org = await startOrg();
  connection = org.connect();
});
after(() => org.stop());

test('versions, resources, limits and usage are told', async () => {
  const versions = await connection.request('/services/data');
  assert.ok(versions.length >= 30 && versions.every(({ label, url, version }) => label && url && version));
  const resources = await connection.request('/services/data/v62.0');
  for (const name of ['sobjects', 'query', 'queryAll', 'search', 'limits', 'composite', 'tooling', 'jobs', 'identity', 'recent']) {
    assert.ok(resources[name], name);
  }

  const limits = await connection.limits();
  assert.ok(limits.DailyApiRequests.Remaining < limits.DailyApiRequests.Max);
  assert.equal(connection.limitInfo.apiUsage.limit, limits.DailyApiRequests.Max);
});

test('objects and fields are described, and the description is cached', async () => {
  const all = await connection.describeGlobal();
  assert.ok(all.sobjects.some(({ name }) => name === 'Account'));
  const account = await connection.describe('Account');
  const name = account.fields.find((field) => field.name === 'Name');
  assert.deepEqual([name.type, name.nillable, name.nameField], ['string', false, true]);
  assert.ok(account.childRelationships.some(({ relationshipName }) => relationshipName === 'Contacts'));
  assert.ok((await connection.describe$('Account')) && (await connection.describeGlobal$()).sobjects.length);
  assert.equal((await connection.sobject('Contact').describe$()).name, 'Contact');
  assert.equal((await refusal(() => connection.describe('Nothing__c'))).errorCode, 'NOT_FOUND');
});

test('layouts, actions, tabs and theme have answers', async () => {
  const account = connection.sobject('Account');
  assert.ok((await account.layouts()).layouts);
  assert.ok((await account.compactLayouts()).compactLayouts);
  assert.ok((await account.approvalLayouts()).approvalLayouts);
  assert.ok(Array.isArray(await account.quickActions()));
  assert.ok(Array.isArray(await connection.quickActions()));
  assert.ok(Array.isArray(await connection.tabs()));
  assert.ok((await connection.theme()).themeItems);
  assert.ok((await account.listviews()).listviews);
});

test('a query pages by itself, by hand and as a stream', async () => {
  const soql = 'SELECT Id, Name FROM Contact';
  const first = await connection.query(soql);
  const total = first.totalSize;
  assert.ok(total > 2000 && !first.done && first.records.length === 2000);

  const second = await connection.queryMore(first.nextRecordsUrl);
  const all = await connection.query(soql, { autoFetch: true, maxFetch: 100_000 });
  const streamed = await new Promise((resolve, reject) => {
    const ids = new Set();
    connection.query(soql).on('record', ({ Id }) => ids.add(Id)).on('end', () => resolve(ids)).on('error', reject)
      .run({ autoFetch: true, maxFetch: 100_000 });
  });
  const small = await connection.query(soql, { headers: { 'Sforce-Query-Options': 'batchSize=200' } });

  assert.equal(second.records.length, Math.min(2000, total - 2000));
  assert.equal(all.records.length, total);
  assert.equal(streamed.size, total);
  assert.equal(small.records.length, 200);
});

test('the query builder finds, includes children, sorts and counts', async () => {
  const accounts = await connection.sobject('Account')
    .find({ Name: { $like: '%' }, CreatedDate: { $lte: jsforce.SfDate.toDateTimeLiteral(new Date(Date.now() + 60_000)) } }, 'Id, Name, Owner.Name')
    .include('Contacts').select('Id, LastName').orderby('LastName').limit(2).end()
    .sort({ Name: -1, Id: 1 }).limit(5).skip(2).execute();

  assert.equal(accounts.length, 5);
  assert.ok(accounts.every(({ Contacts, Owner }) => (Contacts === null || Contacts.records.length <= 2) && Owner.Name));
  const counted = await connection.sobject('Account').count({ Name: { $ne: null } });
  assert.equal(counted, (await connection.query('SELECT COUNT() FROM Account')).totalSize);
  assert.ok(await connection.sobject('Account').findOne({ Id: accounts[0].Id }));
});

test('aggregates, semi-joins and date literals work', async () => {
  const groups = await connection.query(
    'SELECT AccountId, COUNT(Id) total FROM Contact WHERE AccountId != null GROUP BY AccountId HAVING COUNT(Id) > 1 ORDER BY COUNT(Id) DESC LIMIT 3');
  assert.ok(groups.records.every(({ attributes, total }) => attributes.type === 'AggregateResult' && total > 1));

  const joined = await connection.query('SELECT Id FROM Account WHERE Id IN (SELECT AccountId FROM Contact) AND CreatedDate >= LAST_N_YEARS:10 LIMIT 1');
  assert.equal(joined.totalSize, 1);
  const explained = await connection.request(`/query?explain=${encodeURIComponent('SELECT Id FROM Account')}`);
  assert.ok(explained.plans[0].relativeCost >= 0);
});

test('deleted records are found by scanAll and by deleted(), changes by updated()', async () => {
  const { id } = await connection.sobject('Account').create({ Name: 'Short lived' });
  await connection.sobject('Account').destroy(id);
  await org.control('POST', 'clock', { advance_seconds: 120 });
  const [start, end] = [new Date(Date.now() - 600_000), new Date(Date.now() + 120_000)];

  const live = await connection.query(`SELECT Id FROM Account WHERE Id = '${id}'`);
  const all = await connection.query(`SELECT Id, IsDeleted FROM Account WHERE Id = '${id}'`, { scanAll: true });
  const deleted = await connection.sobject('Account').deleted(start, end);
  const updated = await connection.sobject('Account').updated(start, end);

  assert.equal(live.totalSize, 0);
  assert.equal(all.records[0].IsDeleted, true);
  assert.ok(deleted.deletedRecords.some((record) => record.id === id) && deleted.latestDateCovered);
  assert.ok(updated.ids.length > 0 && !updated.ids.includes(id));
});

test('search answers records of several objects', async () => {
  await connection.sobject('Account').create({ Name: 'Zanzibar Spices' });

  const found = await connection.search('FIND {Zanzibar} IN ALL FIELDS RETURNING Account(Id, Name), Contact(Id)');

  assert.equal(found.searchRecords.length, 1);
  assert.equal(found.searchRecords[0].Name, 'Zanzibar Spices');
});

test('recent records, identity and tooling answer', async () => {
  assert.ok(Array.isArray(await connection.recent()));
  assert.ok(await connection.sobject('Account').recent());
  assert.equal((await connection.identity()).organization_id.slice(0, 3), '00D');
  assert.ok(Array.isArray((await connection.tooling.query('SELECT Id, Name FROM ApexClass')).records));
  assert.ok((await connection.tooling.describeGlobal()).sobjects);
});

test('a malformed query says where', async () => {
  const error = await refusal(() => connection.query('SELECT Id FROM Account WHERE'));
  const column = await refusal(() => connection.query('SELECT Nothing__c FROM Account'));

  assert.equal(error.errorCode, 'MALFORMED_QUERY');
  assert.equal(column.errorCode, 'INVALID_FIELD');
  assert.match(column.message, /ERROR at Row:1:Column:8/);
});
