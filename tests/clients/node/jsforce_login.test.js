// jsforce: every way to log in and out.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { after, before, test } from 'node:test';
import jsforce from 'jsforce';
import { refusal, startOrg } from './org.js';

let org;
before(async () => { org = await startOrg('--empty'); });
after(() => org.stop());

const oauth2 = () => ({
  loginUrl: org.url, clientId: org.client_id, clientSecret: org.client_secret, redirectUri: 'http://localhost:1717/OauthRedirect',
});

async function works(connection) {
  assert.equal((await connection.query('SELECT COUNT() FROM Account')).totalSize, 0);
  assert.equal((await connection.identity()).username, org.username);
}

test('login() uses SOAP and gives a session and a user', async () => {
  const connection = new jsforce.Connection({ loginUrl: org.url });

  const user = await connection.login(org.username, org.password);

  assert.match(user.id, /^005/);
  assert.match(user.organizationId, /^00D/);
  await works(connection);
});

test('login() with a wrong password is refused with INVALID_LOGIN', async () => {
  const connection = new jsforce.Connection({ loginUrl: org.url });

  const error = await refusal(() => connection.login(org.username, 'wrong'));

  assert.match(error.message, /^INVALID_LOGIN/);
});

test('loginByOAuth2() is the username-password flow', async () => {
  const connection = new jsforce.Connection({ oauth2: oauth2() });

  const user = await connection.loginByOAuth2(org.username, org.password);

  assert.match(user.id, /^005/);
  await works(connection);
  assert.match((await refusal(() => connection.loginByOAuth2(org.username, 'wrong'))).message, /authentication failure/);
});

test('authorize() exchanges a JWT assertion and client credentials', async () => {
  const { createSign } = await import('node:crypto');
  const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const claims = { iss: org.client_id, sub: org.username, aud: org.url, exp: Math.floor(Date.now() / 1000) + 120 };
  const unsigned = `${encode({ alg: 'RS256' })}.${encode(claims)}`;
  const signature = createSign('RSA-SHA256').update(unsigned).sign(org.private_key_pem, 'base64url');
  const assertion = `${unsigned}.${signature}`;

  const byJwt = new jsforce.Connection({ oauth2: oauth2() });
  await byJwt.authorize({ grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer', assertion });
  await works(byJwt);

  const bySecret = new jsforce.Connection({ oauth2: oauth2(), instanceUrl: org.url });
  await bySecret.authorize({ grant_type: 'client_credentials' });
  await works(bySecret);
});

/** What a browser does: opens the login page, logs in, allows access, and follows to the redirect. */
async function browse(url) {
  const page = await fetch(url, { redirect: 'manual' });
  assert.equal(page.status, 200, await page.clone().text());
  const html = await page.text();
  const action = html.match(/<form[^>]*action="([^"]*)"/)?.[1] ?? url;
  const fields = new URLSearchParams();
  const unescape = (text) => text.replace(/&quot;|&#34;/g, '"').replace(/&lt;|&#60;/g, '<').replace(/&gt;|&#62;/g, '>').replace(/&amp;|&#38;/g, '&');
  for (const [input] of html.matchAll(/<input[^>]*>/g)) {
    const name = input.match(/name="([^"]*)"/)?.[1];
    if (name) fields.set(name, unescape(input.match(/value="([^"]*)"/)?.[1] ?? ''));
  }
  const [, button, value] = html.match(/<button[^>]*name="([^"]*)"[^>]*value="(allow)"/i) ?? [];
  if (button) fields.set(button, value);
  fields.set('username', org.username);
  if (html.includes('name="password"')) fields.set('password', org.password);
  const answer = await fetch(new URL(unescape(action), url), { method: 'POST', body: fields, redirect: 'manual' });
  assert.equal(answer.status, 302, await answer.clone().text());
  return new URL(answer.headers.get('location'));
}

test('the web server flow with PKCE gives a refresh token, and an expired session is renewed unnoticed', async () => {
  const verifier = randomBytes(32).toString('base64url');
  const code_challenge = createHash('sha256').update(verifier).digest('base64url');
  const app = new jsforce.OAuth2(oauth2());
  const url = app.getAuthorizationUrl({ scope: 'api refresh_token', state: 'xyz', code_challenge, code_challenge_method: 'S256' });

  const redirected = await browse(url);
  assert.equal(redirected.searchParams.get('state'), 'xyz');
  const tokens = await app.requestToken(redirected.searchParams.get('code'), { code_verifier: verifier });
  const connection = new jsforce.Connection({
    oauth2: app, instanceUrl: tokens.instance_url, accessToken: tokens.access_token, refreshToken: tokens.refresh_token,
  });
  await works(connection);

  let refreshed = 0;
  connection.on('refresh', () => { refreshed += 1; });
  await org.control('POST', 'expire-sessions');
  await works(connection);
  assert.equal(refreshed, 1);

  const again = await app.refreshToken(tokens.refresh_token);
  assert.ok(again.access_token);
  await app.revokeToken(tokens.refresh_token);
  assert.equal((await refusal(() => app.refreshToken(tokens.refresh_token))).name, 'invalid_grant');
});

test('a code can be used once', async () => {
  const app = new jsforce.OAuth2({ ...oauth2(), useVerifier: true });
  const redirected = await browse(app.getAuthorizationUrl({ scope: 'api' }));
  const code = redirected.searchParams.get('code');
  assert.ok((await app.requestToken(code)).access_token);

  assert.equal((await refusal(() => app.requestToken(code))).name, 'invalid_grant');
});

test('logout() ends a session, by OAuth and by SOAP', async () => {
  for (const end of ['logoutByOAuth2', 'logoutBySoap', 'logout']) {
    const connection = new jsforce.Connection({ oauth2: oauth2() });
    await connection.loginByOAuth2(org.username, org.password);
    const { accessToken } = connection;

    await connection[end]();

    const orphan = new jsforce.Connection({ instanceUrl: org.url, accessToken });
    assert.equal((await refusal(() => orphan.query('SELECT Id FROM Account'))).errorCode, 'INVALID_SESSION_ID', end);
  }
});
