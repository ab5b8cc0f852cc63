// MCP servers made with the official SDK, and their authorization servers:
//
//   sdk    the SDK's own authorization router, on an origin of its own
//   oidc   oidc-provider, which checks the resource of each request itself (RFC 8707)
//   bare   answers 401 and has no metadata, at /mcp; at /other its metadata is about another resource
//
// It prints one JSON line to stdout when it is ready, and ends when its stdin does.
//
// Beside what the servers have, on the origin of `sdk`:
//   GET  /seen        the requests to the authorization servers, and the credentials that came to the MCP servers
//   POST /control?access_token_ttl=SECONDS   for the tokens issued from now on

import { randomBytes, randomUUID } from 'node:crypto';

import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { InvalidTokenError } from '@modelcontextprotocol/sdk/server/auth/errors.js';
import { requireBearerAuth } from '@modelcontextprotocol/sdk/server/auth/middleware/bearerAuth.js';
import { getOAuthProtectedResourceMetadataUrl, mcpAuthMetadataRouter, mcpAuthRouter } from '@modelcontextprotocol/sdk/server/auth/router.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import express from 'express';
import { Provider } from 'oidc-provider';
import { z } from 'zod';

import { SdkAuthorization } from './mcp-authorization.mjs';
import { ca, listen, serve, signingKey } from './stage.mjs';

const SCOPES = ['mcp:tools', 'mcp:write'];

const settings = { access_token_ttl: 60 };
const seen = {
  // Of each authorization server, by the kind of request: what came with it.
  sdk: { authorize: [], authorization_code: [], refresh_token: [], register: [], revoke: [] },
  oidc: { authorize: [], authorization_code: [], refresh_token: [], register: [] },
  // The `Authorization` fields at the MCP servers, each once.
  credentials: { sdk: [], oidc: [] },
};

const [sdk, sdkAuth, oidc, oidcAuth, bare] = await Promise.all([listen(), listen(), listen(), listen(), listen()]);
const resources = { sdk: `${sdk.base}/mcp`, oidc: `${oidc.base}/mcp` };

const authorization = new SdkAuthorization(() => settings.access_token_ttl);
serve(sdkAuth.server, authorizationOfTheSdk(sdkAuth.base));
serve(sdk.server, mcpApp('sdk', (token) => authorization.verifyAccessToken(token), {
  issuer: `${sdkAuth.base}/`,
  authorization_endpoint: `${sdkAuth.base}/authorize`,
  token_endpoint: `${sdkAuth.base}/token`,
  response_types_supported: ['code'],
}));

const provider = makeProvider(oidcAuth.base);
serve(oidcAuth.server, authorizationByProvider());
serve(oidc.server, mcpApp('oidc', verifyByProvider, {
  issuer: provider.issuer,
  authorization_endpoint: `${oidcAuth.base}/auth`,
  token_endpoint: `${oidcAuth.base}/token`,
  response_types_supported: ['code'],
}));

serve(bare.server, bareApp());

console.log(JSON.stringify({ port: sdk.port, ca, ...resources, bare: `${bare.base}/mcp`, other: `${bare.base}/other` }));

/** A protected MCP server: one tool for everybody with a token, and one that wants another scope. */
function mcpApp(name, verifyAccessToken, oauthMetadata) {
  const app = express();
  const url = new URL(resources[name]);
  const guarded = (...requiredScopes) => requireBearerAuth({
    verifier: { verifyAccessToken },
    requiredScopes,
    expectedResource: url,
    resourceMetadataUrl: getOAuthProtectedResourceMetadataUrl(url),
  });
  const [usual, writing] = [guarded(SCOPES[0]), guarded(...SCOPES)];
  app.use(mcpAuthMetadataRouter({ oauthMetadata, resourceServerUrl: url, scopesSupported: [SCOPES[0]] }));
  app.use('/mcp', express.json(), (request, response, next) => {
    const { authorization: field } = request.headers;
    if (field && !seen.credentials[name].includes(field)) seen.credentials[name].push(field);
    const isWriting = request.body?.method === 'tools/call' && request.body.params?.name === 'write';
    return (isWriting ? writing : usual)(request, response, next);
  });
  const sessions = new Map();
  app.all('/mcp', async (request, response) => {
    let transport = sessions.get(request.headers['mcp-session-id']);
    if (!transport) {
      transport = new StreamableHTTPServerTransport({
        sessionIdGenerator: randomUUID,
        onsessioninitialized: (id) => sessions.set(id, transport),
      });
      await makeMcpServer().connect(transport);
    }
    await transport.handleRequest(request, response, request.body);
  });
  if (name === 'sdk') {
    app.get('/seen', (_request, response) => response.json(seen));
    app.post('/control', (request, response) => {
      settings.access_token_ttl = Number(request.query.access_token_ttl);
      response.json(settings);
    });
  }
  return app;
}

function makeMcpServer() {
  const server = new McpServer({ name: 'interop', version: '1.0.0' });
  const text = (words) => ({ content: [{ type: 'text', text: words }] });
  server.registerTool('echo', { description: 'Says it again', inputSchema: { words: z.string() } }, ({ words }) => text(words));
  server.registerTool('write', { description: 'Needs another scope', inputSchema: {} }, () => text('written'));
  return server;
}

function authorizationOfTheSdk(base) {
  const app = express();
  app.use((request, response, next) => {
    const { path } = request; // the routers below make another of it
    response.on('finish', () => {
      const of = path === '/token' ? request.body?.grant_type : path.slice(1);
      if (seen.sdk[of]) seen.sdk[of].push({ ...request.query, ...request.body });
    });
    next();
  });
  const unlimited = { rateLimit: false };
  app.use(mcpAuthRouter({
    provider: authorization,
    issuerUrl: new URL(base),
    scopesSupported: SCOPES,
    authorizationOptions: unlimited,
    clientRegistrationOptions: unlimited,
    revocationOptions: unlimited,
    tokenOptions: unlimited,
  }));
  return app;
}

function makeProvider(issuer) {
  const made = new Provider(issuer, {
    clientDefaults: { id_token_signed_response_alg: 'ES256' },
    scopes: ['openid', 'offline_access'],
    cookies: { keys: [randomBytes(32).toString('hex')] },
    jwks: { keys: [signingKey()] },
    features: {
      devInteractions: { enabled: false },
      registration: { enabled: true },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_ctx, resource) => {
          if (resource !== resources.oidc) throw new Error(`no such resource: ${resource}`);
          return { scope: SCOPES.join(' '), audience: resource, accessTokenTTL: settings.access_token_ttl };
        },
        useGrantedResource: () => false,
      },
      revocation: { enabled: true },
    },
    findAccount: (_ctx, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
    interactions: { url: (_ctx, interaction) => `/interaction/${interaction.uid}` },
    issueRefreshToken: () => true,
    rotateRefreshToken: true,
    expiresWithSession: () => false,
    pkce: { required: () => true },
  });
  made.use(async (ctx, next) => {
    await next();
    const { route, params, body } = ctx.oidc ?? {};
    const kind = { authorization: 'authorize', registration: 'register' }[route] ?? (route === 'token' && params?.grant_type);
    if (seen.oidc[kind]) seen.oidc[kind].push({ ...(kind === 'register' ? body : params) });
  });
  made.on('server_error', (_ctx, error) => console.error(error));
  return made;
}

function authorizationByProvider() {
  const serveProvider = provider.callback();
  return (request, response) => (request.url.startsWith('/interaction/') ? consent(request, response) : serveProvider(request, response));
}

/** Logs the user in and consents, at once and without a form. */
async function consent(request, response) {
  const { params, grantId } = await provider.interactionDetails(request, response);
  const accountId = 'interop';
  const grant = (grantId && await provider.Grant.find(grantId))
    || new provider.Grant({ accountId, clientId: params.client_id });
  grant.addResourceScope(params.resource, params.scope ?? '');
  const result = { login: { accountId }, consent: { grantId: await grant.save() } };
  return provider.interactionFinished(request, response, result, { mergeWithLastSubmission: false });
}

async function verifyByProvider(value) {
  const token = await provider.AccessToken.find(value);
  if (!token || token.isExpired) throw new InvalidTokenError('no such token');
  return {
    token: value, clientId: token.clientId, scopes: [...token.scopes], expiresAt: token.exp, resource: new URL(token.aud),
  };
}

function bareApp() {
  const app = express();
  app.get('/.well-known/oauth-protected-resource/other', (_request, response) => {
    response.json({ resource: resources.sdk, authorization_servers: [sdkAuth.base] });
  });
  app.all(['/mcp', '/other'], (_request, response) => response.status(401).set('WWW-Authenticate', 'Bearer').json({ error: 'invalid_token' }));
  return app;
}
