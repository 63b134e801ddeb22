// jsforce: Change Data Capture over CometD.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import streaming from 'jsforce/lib/api/streaming.js';
import { startOrg } from './org.js';

let org;
let connection;
before(async () => {
  org = await startOrg('--empty', '--cdc', 'Account');
  connection = org.connect();
});
after(() => org.stop());

/** Subscribes, lets `work` happen, and answers the first `count` messages. */
async function listen(client, channel, count, work) {
  const messages = [];
  let done;
  const enough = new Promise((resolve) => { done = resolve; });
  const subscription = client.subscribe(channel, (message) => {
    messages.push(message);
    if (messages.length === count) done();
  });
  await subscription;
  await work();
  await enough;
  subscription.cancel?.();
  return messages;
}

test('a subscriber hears of a record that is created, changed and deleted', async () => {
  const account = connection.sobject('Account');

  const messages = await listen(connection.streaming, '/data/AccountChangeEvent', 3, async () => {
    const { id } = await account.create({ Name: 'Heard' });
    await account.update({ Id: id, Name: 'Heard again' });
    await account.destroy(id);
  });

  assert.deepEqual(messages.map(({ payload }) => payload.ChangeEventHeader.changeType), ['CREATE', 'UPDATE', 'DELETE']);
  assert.equal(messages[0].payload.Name, 'Heard');
  assert.equal(messages[1].payload.ChangeEventHeader.entityName, 'Account');
  assert.ok(messages[0].event.replayId < messages[2].event.replayId);
});

test('a subscriber that comes late replays what it missed', async () => {
  const { id } = await connection.sobject('Account').create({ Name: 'Before' });
  const channel = '/data/ChangeEvents';
  const client = connection.streaming.createClient([new streaming.StreamingExtension.Replay(channel, -2)]);

  const messages = await listen(client, channel, 4, () => connection.sobject('Account').update({ Id: id, Name: 'After' }));
  client.disconnect();

  assert.equal(messages[3].payload.Name, 'Before');
});
