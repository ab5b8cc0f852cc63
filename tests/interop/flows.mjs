// oidc-provider with what the other flows need: device codes (RFC 8628), client credentials, and registration (RFC 7591).
//
// It prints one JSON line to stdout when it is ready, and ends when its stdin does.
//
// Beside what a provider has:
//   GET  /api/me      the resource behind the tokens
//   GET  /counters    what happened so far
//   POST /control?NAME=VALUE   changes a setting, or does something:
//     access_token_ttl=SECONDS, device_code_ttl=SECONDS   for what is issued from now on
//     slow_down=1                    answers the next poll of a device code with slow_down
//     held=1 | 0                     keeps back tokens for a device code that are granted, or lets them go
//     page=1                         answers the next poll of a device code with a page
//     closed=1 | 0                   refuses registrations, or takes them again
//     forget=1                       forgets every application that has registered itself

import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

import { Provider, errors } from 'oidc-provider';

import { ca, json, listen, serve, signingKey } from './stage.mjs';

const ACCOUNT = { id: '7', username: 'interop' };
const DEVICE_GRANT = 'urn:ietf:params:oauth:grant-type:device_code';
const SCOPES = ['openid', 'offline_access', 'read', 'write'];

const settings = { access_token_ttl: 60, device_code_ttl: 60, slow_down: 0, held: 0, page: 0, closed: 0 };
const counters = {
  // Token requests that were answered with tokens, by grant type, and those that were not, by error.
  granted: {},
  refused: {},
  // How many grants were revoked.
  revoked: 0,
  // Whether tokens are or were kept back.
  held: 0,
  // The times of the polls, in milliseconds, of the device code that was issued last.
  polls: [],
  // What applications have registered themselves with, in their order.
  registered: [],
  // The ids of the applications that authorizations and grants were for, in their order.
  clients: [],
  // Each credential that came to the resource, once.
  seen: [],
};
const clients = makeClients();

const { server, port, base } = await listen();
const provider = makeProvider(base);
const serveProvider = provider.callback();
serve(server, route);
for (const client of Object.values(clients)) await provider.Client.find(client.client_id);
console.log(JSON.stringify({ port, ca, ...clients }));

/** The routes that are not the provider's. */
async function route(request, response) {
  const { pathname, searchParams } = new URL(request.url, provider.issuer);
  if (request.method === 'GET' && pathname === '/api/me') return answerMe(request, response);
  if (request.method === 'GET' && pathname.startsWith('/interaction/')) return consent(request, response);
  if (request.method === 'GET' && pathname === '/counters') return json(response, 200, counters);
  if (request.method === 'POST' && pathname === '/control') {
    for (const [name, value] of searchParams) {
      if (name === 'forget') await forget();
      else if (name in settings) settings[name] = Number(value);
      else return json(response, 400, { error: name });
    }
    return json(response, 200, settings);
  }
  return serveProvider(request, response);
}

/** Says whose token it is: the user's, or the application's. */
async function answerMe(request, response) {
  const { authorization } = request.headers;
  if (authorization && !counters.seen.includes(authorization)) counters.seen.push(authorization);
  const [, bearer] = /^Bearer ([\x21-\x7e]+)$/i.exec(authorization ?? '') ?? [];
  const token = bearer && (await provider.AccessToken.find(bearer) ?? await provider.ClientCredentials.find(bearer));
  if (!token || token.isExpired) {
    response.setHeader('WWW-Authenticate', 'Bearer realm="interop", error="invalid_token"');
    return json(response, 401, { error: 'invalid_token' });
  }
  if (!token.accountId) return json(response, 200, { id: token.clientId, label: 'an application' });
  return json(response, 200, { id: ACCOUNT.id, label: ACCOUNT.username });
}

/** Logs the user in and consents, at once and without a form. */
async function consent(request, response) {
  const { params, grantId } = await provider.interactionDetails(request, response);
  const accountId = ACCOUNT.id;
  const grant = (grantId && await provider.Grant.find(grantId))
    || new provider.Grant({ accountId, clientId: params.client_id });
  grant.addOIDCScope(params.scope ?? '');
  const result = { login: { accountId }, consent: { grantId: await grant.save() } };
  return provider.interactionFinished(request, response, result, { mergeWithLastSubmission: false });
}

async function forget() {
  for (const { client_id: id } of counters.registered) await provider.Client.adapter.destroy(id);
}

function makeProvider(issuer) {
  const made = new Provider(issuer, {
    clients: Object.values(clients),
    clientDefaults: { id_token_signed_response_alg: 'ES256' },
    scopes: SCOPES,
    claims: { openid: ['sub'], profile: ['nickname'] },
    cookies: { keys: [randomBytes(32).toString('hex')] },
    jwks: { keys: [signingKey()] },
    // The hook for a server's own policy: it sees every registration.
    extraClientMetadata: {
      properties: ['policy'],
      validator() {
        if (settings.closed) throw new errors.InvalidClientMetadata('registrations are closed');
      },
    },
    features: {
      clientCredentials: { enabled: true },
      deviceFlow: { enabled: true },
      devInteractions: { enabled: false },
      registration: { enabled: true },
      revocation: { enabled: true },
    },
    findAccount: (_ctx, id) => ({ accountId: id, claims: () => ({ sub: id, nickname: ACCOUNT.username }) }),
    interactions: { url: (_ctx, interaction) => `/interaction/${interaction.uid}` },
    issueRefreshToken: (_ctx, client) => client.grantTypeAllowed('refresh_token'),
    rotateRefreshToken: true,
    expiresWithSession: () => false,
    pkce: { required: () => true },
    ttl: {
      AccessToken: () => settings.access_token_ttl,
      AuthorizationCode: 60,
      ClientCredentials: () => settings.access_token_ttl,
      DeviceCode: () => settings.device_code_ttl,
      Grant: 3600,
      IdToken: 3600,
      Interaction: 60,
      RefreshToken: 3600,
      Session: 3600,
    },
  });
  made.use(watch);
  made.on('grant.success', (ctx) => count(counters.granted, ctx.oidc.params.grant_type));
  made.on('grant.error', (_ctx, error) => count(counters.refused, error.error));
  made.on('grant.revoked', () => {
    counters.revoked += 1;
  });
  made.on('registration_create.success', (ctx, client) => {
    counters.registered.push({ client_id: client.clientId, metadata: ctx.oidc.body });
  });
  made.on('server_error', (_ctx, error) => console.error(error));
  return made;
}

/** What the provider has no event or setting for: polls, their pace, and who asks. */
async function watch(ctx, next) {
  await next();
  const { route: name, params } = ctx.oidc ?? {};
  if (name === 'device_authorization' && ctx.status === 200) {
    counters.polls = [];
    ctx.body = { ...ctx.body, interval: 1 };
  }
  if (['authorization', 'token'].includes(name) && params?.client_id) counters.clients.push(params.client_id);
  if (name !== 'token' || params?.grant_type !== DEVICE_GRANT) return;
  counters.polls.push(Date.now());
  while (settings.held && ctx.body.access_token) {
    counters.held = 1;
    await sleep(20);
  }
  if (settings.page) {
    settings.page = 0;
    ctx.status = 404;
    ctx.type = 'text/html';
    ctx.body = '<p>There is nothing here.</p>';
    return;
  }
  if (settings.slow_down && ctx.body.error === 'authorization_pending') {
    settings.slow_down = 0;
    const { error, error_description } = new errors.SlowDown();
    count(counters.refused, error);
    ctx.body = { error, error_description };
  }
}

function count(counts, name) {
  counts[name] = (counts[name] ?? 0) + 1;
}

function makeClients() {
  const id = (name) => `${name}-${randomBytes(8).toString('hex')}`;
  const elsewhere = { redirect_uris: [], response_types: [] };
  return {
    device: {
      ...elsewhere,
      client_id: id('device'),
      application_type: 'native',
      grant_types: [DEVICE_GRANT, 'refresh_token'],
      token_endpoint_auth_method: 'none',
    },
    machine: {
      ...elsewhere,
      client_id: id('machine'),
      client_secret: randomBytes(32).toString('base64url'),
      grant_types: ['client_credentials'],
      token_endpoint_auth_method: 'client_secret_post',
    },
  };
}
