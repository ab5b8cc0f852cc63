// An authorization server that is not ours in any part: oidc-provider, over TLS, with GitLab's paths.
//
// It prints one JSON line to stdout when it is ready, and ends when its stdin does.
//
// Beside what a provider has:
//   GET  /counters   what happened so far, by client
//   GET  /seen       each credential that came to /api/v4/user, once
//   POST /control?access_token_ttl=SECONDS   for the access tokens issued from now on

import { randomBytes } from 'node:crypto';

import { Provider } from 'oidc-provider';

import { ca, json, listen, serve, signingKey } from './stage.mjs';

const ACCOUNT = { id: 7, username: 'interop' };
const REDIRECT_URI = 'http://127.0.0.1:7998/auth/callback/oauth';
const SCOPES = ['openid', 'offline_access', 'api', 'read_user', 'read_repository', 'write_repository'];

let accessTokenTtl = 60;

const clients = makeClients();
const seen = new Set();
const counters = Object.fromEntries(clients.map((client) => [client.client_id, newCounters()]));

const { server, port, base } = await listen();
const provider = makeProvider(base);
const serveProvider = provider.callback();
serve(server, route);
// The provider looks at its clients' settings only when one comes: a wrong one shall end the start.
for (const client of clients) await provider.Client.find(client.client_id);
const [open, confidential] = clients;
console.log(JSON.stringify({
  port,
  ca,
  public: { client_id: open.client_id },
  confidential: { client_id: confidential.client_id, client_secret: confidential.client_secret },
}));

/** The routes that are not the provider's. */
async function route(request, response) {
  const { pathname, searchParams } = new URL(request.url, provider.issuer);
  if (request.method === 'GET' && pathname === '/api/v4/user') return answerUser(request, response);
  if (request.method === 'GET' && pathname.startsWith('/interaction/')) return consent(request, response);
  if (request.method === 'GET' && pathname === '/counters') return json(response, 200, counters);
  if (request.method === 'GET' && pathname === '/seen') return json(response, 200, [...seen]);
  if (request.method === 'POST' && pathname === '/control') {
    const seconds = Number(searchParams.get('access_token_ttl'));
    if (!Number.isInteger(seconds) || seconds < 1) return json(response, 400, { error: 'access_token_ttl' });
    accessTokenTtl = seconds;
    return json(response, 200, { access_token_ttl: seconds });
  }
  return serveProvider(request, response);
}

/** The resource behind the token: GitLab's account endpoint. */
async function answerUser(request, response) {
  const { authorization, 'private-token': privateToken } = request.headers;
  for (const credential of [authorization, privateToken]) if (credential) seen.add(credential);
  const [, bearer] = /^Bearer ([\x21-\x7e]+)$/i.exec(authorization ?? '') ?? [];
  const token = bearer && await provider.AccessToken.find(bearer);
  if (!token || token.isExpired) {
    response.setHeader('WWW-Authenticate', 'Bearer realm="interop", error="invalid_token"');
    return json(response, 401, { message: '401 Unauthorized' });
  }
  if (!token.scopes.has('read_user') && !token.scopes.has('api')) return json(response, 403, { error: 'insufficient_scope' });
  return json(response, 200, ACCOUNT);
}

/** Logs the user in and consents, at once and without a form. */
async function consent(request, response) {
  const { params, grantId } = await provider.interactionDetails(request, response);
  const accountId = String(ACCOUNT.id);
  const grant = (grantId && await provider.Grant.find(grantId))
    || new provider.Grant({ accountId, clientId: params.client_id });
  grant.addOIDCScope(params.scope ?? '');
  const result = { login: { accountId }, consent: { grantId: await grant.save() } };
  return provider.interactionFinished(request, response, result, { mergeWithLastSubmission: false });
}

function makeProvider(issuer) {
  const made = new Provider(issuer, {
    clients,
    scopes: SCOPES,
    claims: { openid: ['sub'], profile: ['nickname'], email: ['email'] },
    cookies: { keys: [randomBytes(32).toString('hex')] },
    jwks: { keys: [signingKey()] },
    features: { devInteractions: { enabled: false }, revocation: { enabled: true } },
    findAccount: (_ctx, id) => ({ accountId: id, claims: () => ({ sub: id, nickname: ACCOUNT.username }) }),
    interactions: { url: (_ctx, interaction) => `/interaction/${interaction.uid}` },
    // GitLab issues one with each grant, and takes each of them once.
    issueRefreshToken: () => true,
    rotateRefreshToken: true,
    // The grant outlives the browser's session.
    expiresWithSession: () => false,
    pkce: { required: () => true },
    routes: {
      authorization: '/oauth/authorize',
      revocation: '/oauth/revoke',
      token: '/oauth/token',
      userinfo: '/oauth/userinfo',
    },
    ttl: {
      AccessToken: () => accessTokenTtl,
      AuthorizationCode: 60,
      Grant: 3600,
      IdToken: 3600,
      Interaction: 60,
      RefreshToken: 3600,
      Session: 3600,
    },
  });
  made.use(countRevocations);
  made.on('grant.success', (ctx) => {
    const counted = counters[ctx.oidc.client.clientId];
    counted.granted[ctx.oidc.params.grant_type] += 1;
    counted.refresh_token = ctx.body.refresh_token;
  });
  made.on('grant.error', (ctx, error) => {
    const counted = counters[ctx.oidc?.params?.client_id];
    if (counted) counted.refused[error.error] = (counted.refused[error.error] ?? 0) + 1;
  });
  made.on('server_error', (_ctx, error) => console.error(error));
  return made;
}

/** The provider has no event that tells which token a revocation named. */
async function countRevocations(ctx, next) {
  await next();
  if (ctx.oidc?.route !== 'revocation' || ctx.status !== 200) return;
  const counted = counters[ctx.oidc.client.clientId];
  const { RefreshToken, AccessToken } = ctx.oidc.entities;
  const kind = RefreshToken ? 'refresh_token' : AccessToken ? 'access_token' : 'unknown';
  counted.revoked[kind] += 1;
  counted.revocation_hint = ctx.oidc.params.token_type_hint;
}

function newCounters() {
  return {
    // Token requests that were answered with tokens, by grant type.
    granted: { authorization_code: 0, refresh_token: 0 },
    // Token requests that were refused, by error.
    refused: {},
    // Answered revocations, by what the token was.
    revoked: { access_token: 0, refresh_token: 0, unknown: 0 },
    // What the last revocation said that the token was.
    revocation_hint: undefined,
    // The last one that was issued: no client shows it, and the test wants to try it after the revocation.
    refresh_token: undefined,
  };
}

function makeClients() {
  const common = {
    // Only native applications may be sent back to http on a loopback address (RFC 8252 §7.3).
    application_type: 'native',
    grant_types: ['authorization_code', 'refresh_token'],
    id_token_signed_response_alg: 'ES256',
    redirect_uris: [REDIRECT_URI],
    response_types: ['code'],
  };
  return [
    { ...common, client_id: `public-${randomBytes(8).toString('hex')}`, token_endpoint_auth_method: 'none' },
    {
      ...common,
      client_id: `confidential-${randomBytes(8).toString('hex')}`,
      client_secret: randomBytes(32).toString('base64url'),
      token_endpoint_auth_method: 'client_secret_post',
    },
  ];
}
