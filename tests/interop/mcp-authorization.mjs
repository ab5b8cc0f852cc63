// What the SDK's authorization router leaves to its user: codes, pairs that rotate, and registered applications.

import { randomUUID } from 'node:crypto';

import { InvalidGrantError, InvalidTargetError, InvalidTokenError } from '@modelcontextprotocol/sdk/server/auth/errors.js';

export class SdkAuthorization {
  #codes = new Map();
  #refreshes = new Map();
  #tokens = new Map();
  #clients = new Map();

  constructor(lifetime) {
    this.lifetime = lifetime;
    this.clientsStore = {
      getClient: (id) => this.#clients.get(id),
      registerClient: (client) => {
        this.#clients.set(client.client_id, client);
        return client;
      },
    };
  }

  /** The user consents at once. */
  async authorize(client, params, response) {
    const code = randomUUID();
    this.#codes.set(code, { client: client.client_id, ...params });
    const back = new URL(params.redirectUri);
    back.searchParams.set('code', code);
    if (params.state !== undefined) back.searchParams.set('state', params.state);
    response.redirect(back.href);
  }

  async challengeForAuthorizationCode(client, code) {
    return this.#take(this.#codes, client, code, false).codeChallenge;
  }

  async exchangeAuthorizationCode(client, code, _verifier, _redirectUri, resource) {
    const { scopes, resource: asked } = this.#take(this.#codes, client, code, true);
    return this.#issue(client, scopes, asked, resource);
  }

  /** Each refresh token once. */
  async exchangeRefreshToken(client, token, _scopes, resource) {
    const { scopes, resource: asked } = this.#take(this.#refreshes, client, token, true);
    return this.#issue(client, scopes, asked, resource);
  }

  async verifyAccessToken(token) {
    const found = this.#tokens.get(token);
    if (!found) throw new InvalidTokenError('no such token');
    return { token, ...found };
  }

  async revokeToken(_client, { token }) {
    this.#tokens.delete(token);
    this.#refreshes.delete(token);
  }

  #take(kept, client, key, isUsedUp) {
    const found = kept.get(key);
    if (found?.client !== client.client_id) throw new InvalidGrantError('no such grant');
    if (isUsedUp) kept.delete(key);
    return found;
  }

  /** RFC 8707 §2.2: a token is for what the user consented to, and for that alone. */
  #issue(client, scopes = [], asked, resource) {
    if (!asked || asked.href !== resource?.href) throw new InvalidTargetError('another resource');
    const [access, refresh, lifetime] = [randomUUID(), randomUUID(), this.lifetime()];
    const expiresAt = Math.floor(Date.now() / 1000) + lifetime;
    this.#tokens.set(access, { clientId: client.client_id, scopes, expiresAt, resource });
    this.#refreshes.set(refresh, { client: client.client_id, scopes, resource });
    return { access_token: access, refresh_token: refresh, token_type: 'bearer', expires_in: lifetime, scope: scopes.join(' ') };
  }
}
