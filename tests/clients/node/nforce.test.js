// nforce: an older REST client with its own way to log in.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import nforce from 'nforce';
import { refusal, startOrg } from './org.js';

let org;
let client;
before(async () => {
  org = await startOrg();
  client = nforce.createConnection({
    clientId: org.client_id, clientSecret: org.client_secret, redirectUri: 'http://localhost:1717/OauthRedirect',
    loginUri: `${org.url}/services/oauth2/token`, apiVersion: 'v62.0', environment: 'production', mode: 'single',
  });
  await client.authenticate({ username: org.username, password: org.password });
});
after(() => org.stop());

test('the org is described', async () => {
  assert.ok((await client.getResources()).sobjects);
  assert.ok((await client.getSObjects()).sobjects.length > 5);
  assert.equal((await client.getMetadata({ type: 'Account' })).objectDescribe.name, 'Account');
  assert.equal((await client.getDescribe({ type: 'Account' })).name, 'Account');
  assert.ok((await client.getLimits()).DailyApiRequests);
  assert.equal((await client.getIdentity()).username, org.username);
});

test('a record lives its life', async () => {
  const account = nforce.createSObject('Account', { Name: 'Old school' });
  const { id } = await client.insert({ sobject: account });
  account.set('Industry', 'Energy');
  await client.update({ sobject: account });
  const keyed = nforce.createSObject('Account', { Name: 'Keyed' });
  keyed.setExternalId('External_Id__c', 'nf-1');
  await client.upsert({ sobject: keyed });

  const read = await client.getRecord({ sobject: account, fields: ['Id', 'Industry'] });
  const found = await client.query({ query: `SELECT Id, Name FROM Account WHERE Id = '${id}'` });
  await client.delete({ sobject: account });
  const gone = await client.queryAll({ query: `SELECT IsDeleted FROM Account WHERE Id = '${id}'` });

  assert.equal(read.get('industry'), 'Energy');
  assert.equal(found.records[0].get('name'), 'Old school');
  assert.equal(gone.records[0].get('isdeleted'), true);
});

test('a query fetches all its pages and search finds words', async () => {
  const all = await client.query({ query: 'SELECT Id FROM Contact', fetchAll: true });
  assert.ok(all.records.length > 2000);

  await client.insert({ sobject: nforce.createSObject('Account', { Name: 'Zanzibar Spices' }) });
  const found = await client.search({ search: 'FIND {Zanzibar} IN ALL FIELDS RETURNING Account(Id, Name)' });
  assert.equal(found.length ?? found.searchRecords.length, 1);
});

test('refusals carry their codes', async () => {
  const error = await refusal(() => client.insert({ sobject: nforce.createSObject('Account', {}) }));

  assert.equal(error.errorCode, 'REQUIRED_FIELD_MISSING');
});
