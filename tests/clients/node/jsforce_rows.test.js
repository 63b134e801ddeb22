// jsforce: everything that writes, one by one and many at once.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { refusal, startOrg } from './org.js';

let org;
let connection;
let account;
before(async () => {
  org = await startOrg('--empty');
  connection = org.connect();
  account = connection.sobject('Account');
});
after(() => org.stop());

const KEY = 'External_Id__c';

test('a record is created, read, changed, upserted and deleted', async () => {
  const { id, success } = await account.create({ Name: 'One', NumberOfEmployees: 5 });
  assert.ok(success && id.length === 18);
  assert.equal((await account.retrieve(id)).Name, 'One');
  assert.ok((await account.update({ Id: id, NumberOfEmployees: null })).success);
  assert.equal((await account.record(id).retrieve()).NumberOfEmployees, null);

  const inserted = await account.upsert({ [KEY]: 'a 1', Name: 'Keyed' }, KEY);
  const updated = await account.upsert({ [KEY]: 'a 1', Name: 'Keyed again' }, KEY);
  assert.deepEqual([inserted.created, updated.created ?? false], [true, false]);

  assert.ok((await account.destroy(id)).success);
  assert.equal((await refusal(() => account.update({ Id: id, Name: 'x' }))).errorCode, 'ENTITY_IS_DELETED');
  assert.equal((await refusal(() => account.retrieve(id))).errorCode, 'NOT_FOUND');
});

test('the documented refusals have their codes', async () => {
  const table = [
    [{}, 'REQUIRED_FIELD_MISSING'],
    [{ Name: 'x', Nothing__c: 1 }, 'INVALID_FIELD'],
    [{ Name: 'x'.repeat(256) }, 'STRING_TOO_LONG'],
    [{ Name: 'x', AnnualRevenue: 'banana' }, 'JSON_PARSER_ERROR'],
    [{ Name: 'x', ParentId: '001' }, 'MALFORMED_ID'],
    [{ Name: 'x', CreatedDate: '2020-01-01T00:00:00Z' }, 'INVALID_FIELD_FOR_INSERT_UPDATE'],
  ];
  for (const [body, code] of table) {
    assert.equal((await refusal(() => account.create(body))).errorCode, code, JSON.stringify(body).slice(0, 80));
  }
});

test('many records are created, retrieved, changed, upserted and deleted in few calls', async () => {
  const before = (await connection.limits()).DailyApiRequests.Remaining;
  const created = await account.create(Array.from({ length: 450 }, (_, n) => ({ Name: `Many ${n}`, [KEY]: `m${n}` })), { allowRecursive: true });
  const ids = created.map(({ id }) => id);
  assert.ok(created.every(({ success }) => success));

  const updated = await account.update(ids.map((Id, n) => ({ Id, Name: `Changed ${n}` })), { allowRecursive: true });
  const upserted = await account.upsert(ids.slice(0, 200).map((_, n) => ({ [KEY]: `m${n + 300}`, Name: `Upserted ${n}` })), KEY);
  const read = await account.retrieve(ids.slice(0, 200));
  const deleted = await account.destroy(ids, { allowRecursive: true });
  const after = (await connection.limits()).DailyApiRequests.Remaining;

  assert.ok(updated.every(({ success }) => success));
  assert.deepEqual([upserted.filter(({ created }) => created).length, upserted.length], [50, 200]);
  assert.equal(read[7].Name, 'Changed 7');
  assert.ok(deleted.every(({ success }) => success));
  assert.ok(before - after < 20, `${before - after} calls`);
});

test('one bad record of many fails alone, or takes all with it', async () => {
  const records = [{ Name: 'Good' }, { NumberOfEmployees: 1 }, { Name: 'Also good' }];

  const alone = await account.create(records);
  const together = await account.create(records, { allOrNone: true });

  assert.deepEqual(alone.map(({ success }) => success), [true, false, true]);
  assert.equal(alone[1].errors[0].statusCode, 'REQUIRED_FIELD_MISSING');
  assert.deepEqual(together.map(({ errors }) => errors[0].statusCode),
    ['ALL_OR_NONE_OPERATION_ROLLED_BACK', 'REQUIRED_FIELD_MISSING', 'ALL_OR_NONE_OPERATION_ROLLED_BACK']);
});

test('a parent is named by its external id', async () => {
  await account.create({ Name: 'Parent', [KEY]: 'parent-1' });

  const { id } = await connection.sobject('Contact').create({ LastName: 'Child', Account: { [KEY]: 'parent-1' } });

  const found = await connection.query(`SELECT Account.Name FROM Contact WHERE Id = '${id}'`);
  assert.equal(found.records[0].Account.Name, 'Parent');
});

test('queries change and delete what they find', async () => {
  await account.create([{ Name: 'Sweep 1' }, { Name: 'Sweep 2' }]);

  const changed = await account.find({ Name: { $like: 'Sweep%' } }).update({ Industry: 'Banking' });
  const removed = await account.find({ Name: { $like: 'Sweep%' } }).destroy();

  assert.equal(changed.length, 2);
  assert.ok(removed.every(({ success }) => success));
});

test('composite, graph, batch and tree do several things in one call', async () => {
  const version = '/services/data/v62.0';
  const composite = await connection.requestPost('/composite', {
    allOrNone: true,
    compositeRequest: [
      { method: 'POST', url: `${version}/sobjects/Account`, referenceId: 'parent', body: { Name: 'Composed' } },
      { method: 'POST', url: `${version}/sobjects/Contact`, referenceId: 'child', body: { LastName: 'Part', AccountId: '@{parent.id}' } },
      { method: 'GET', url: `${version}/query?q=SELECT+Account.Name+FROM+Contact+WHERE+Id='@{child.id}'`, referenceId: 'read' },
    ],
  });
  assert.deepEqual(composite.compositeResponse.map(({ httpStatusCode }) => httpStatusCode), [201, 201, 200]);
  assert.equal(composite.compositeResponse[2].body.records[0].Account.Name, 'Composed');

  const graph = await connection.requestPost('/composite/graph', {
    graphs: ['good', 'bad'].map((graphId) => ({
      graphId,
      compositeRequest: [
        { method: 'POST', url: `${version}/sobjects/Account`, referenceId: 'a', body: { Name: graphId } },
        { method: 'POST', url: `${version}/sobjects/Contact`, referenceId: 'c', body: graphId === 'good' ? { LastName: 'x', AccountId: '@{a.id}' } : {} },
      ],
    })),
  });
  assert.deepEqual(graph.graphs.map(({ graphId, isSuccessful }) => [graphId, isSuccessful]), [['good', true], ['bad', false]]);

  const batch = await connection.requestPost('/composite/batch', {
    batchRequests: [{ method: 'GET', url: 'v62.0/limits' }, { method: 'GET', url: 'v62.0/sobjects/Nothing__c' }],
  });
  assert.deepEqual([batch.hasErrors, batch.results.map(({ statusCode }) => statusCode)], [true, [200, 404]]);

  const tree = await connection.requestPost('/composite/tree/Account', {
    records: [{
      attributes: { type: 'Account', referenceId: 'r1' }, Name: 'Root',
      Contacts: { records: [{ attributes: { type: 'Contact', referenceId: 'r2' }, LastName: 'Leaf' }] },
    }],
  });
  assert.deepEqual([tree.hasErrors, tree.results.map(({ referenceId }) => referenceId)], [false, ['r1', 'r2']]);
});

test('attachments carry bytes', async () => {
  const { id: ParentId } = await account.create({ Name: 'With a file' });
  const { id } = await connection.sobject('Attachment').create({ ParentId, Name: 'hello.txt', Body: Buffer.from('hello').toString('base64') });

  const chunks = [];
  for await (const chunk of connection.sobject('Attachment').record(id).blob('Body')) chunks.push(chunk);

  assert.equal(Buffer.concat(chunks).toString(), 'hello');
});
