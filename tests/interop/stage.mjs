// What the interop servers share: a directory, certificates, an end, and JSON.

import { execFileSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

// stdout is for the one line that says that the server is ready; a library's notices are for a person.
console.info = console.error;
console.warn = console.error;

const directory = mkdtempSync(join(tmpdir(), 'authsome-interop-server-'));
process.on('exit', () => rmSync(directory, { recursive: true, force: true }));
for (const signal of ['SIGHUP', 'SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(0));
// A server ends when its stdin does, so that it cannot outlive the test.
process.stdin.on('end', () => process.exit(0)).resume();

const { ca, cert, key } = makeCertificates();

/** The file of the CA that has signed the servers' certificate. */
export { ca };

/** A server for localhost, on a port of its own. Its requests are not served yet. */
export async function listen() {
  const server = createServer({ cert: readFileSync(cert), key: readFileSync(key) });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  return { server, port, base: `https://localhost:${port}` };
}

/** Serves with a function that may fail. */
export function serve(server, route) {
  server.on('request', (request, response) => {
    Promise.resolve().then(() => route(request, response)).catch((error) => {
      console.error(error);
      if (!response.headersSent) json(response, 500, { error: 'server_error' });
    });
  });
}

/** For ID tokens, which no test asks for; without one the provider would warn of its built-in key. */
export function signingKey() {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return { ...privateKey.export({ format: 'jwk' }), alg: 'ES256', use: 'sig' };
}

/** A CA of a day's life, and the server's certificate. */
function makeCertificates() {
  const at = (name) => join(directory, name);
  const openssl = (...args) => execFileSync('openssl', args, { stdio: ['ignore', 'ignore', 'pipe'] });
  const ecKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  writeFileSync(at('openssl.cnf'), [
    '[req]', 'distinguished_name = name', 'prompt = no',
    '[name]', 'CN = authsome interop',
    '[ca]', 'basicConstraints = critical, CA:TRUE, pathlen:0', 'keyUsage = critical, keyCertSign, cRLSign',
    'subjectKeyIdentifier = hash',
    '[leaf]', 'basicConstraints = critical, CA:FALSE', 'keyUsage = critical, digitalSignature',
    'extendedKeyUsage = serverAuth', 'subjectAltName = DNS:localhost, IP:127.0.0.1',
    'subjectKeyIdentifier = hash', 'authorityKeyIdentifier = keyid', '',
  ].join('\n'));
  openssl('req', '-x509', ...ecKey, '-config', at('openssl.cnf'), '-extensions', 'ca', '-subj', '/CN=authsome interop CA',
    '-days', '1', '-keyout', at('ca.key'), '-out', at('ca.pem'));
  openssl('req', '-new', ...ecKey, '-config', at('openssl.cnf'), '-subj', '/CN=localhost',
    '-keyout', at('leaf.key'), '-out', at('leaf.csr'));
  openssl('x509', '-req', '-in', at('leaf.csr'), '-CA', at('ca.pem'), '-CAkey', at('ca.key'), '-CAcreateserial',
    '-extfile', at('openssl.cnf'), '-extensions', 'leaf', '-days', '1', '-out', at('leaf.pem'));
  return { ca: at('ca.pem'), cert: at('leaf.pem'), key: at('leaf.key') };
}

export function json(response, status, value) {
  response.writeHead(status, { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' });
  response.end(JSON.stringify(value));
}
