'use strict';

// The Node bootstrap, through the door that a user takes: each test starts Node programs with NODE_OPTIONS=--require, behind a proxy of
// its own that counts who comes. The origin's name resolves nowhere, so a program that went around the proxy would fail.
//
//     node --test tests/helpers/boot.test.cjs

const assert = require('node:assert/strict');
const { execFileSync, spawn } = require('node:child_process');
const { createHash } = require('node:crypto');
const { EventEmitter, once } = require('node:events');
const fs = require('node:fs');
const http = require('node:http');
const http2 = require('node:http2');
const net = require('node:net');
const os = require('node:os');
const path = require('node:path');
const { after, afterEach, before, beforeEach, test } = require('node:test');
const { setTimeout } = require('node:timers/promises');
const tls = require('node:tls');

const SECRET = 'p%40ss-word';
const AUTHORIZATION = `Basic ${Buffer.from('authsome:p@ss-word').toString('base64')}`;
const LARGE = Buffer.alloc(20 * 1024 * 1024);
for (let offset = 0; offset < LARGE.length; offset += 4) LARGE.writeUInt32LE((offset * 2654435761) >>> 0, offset);
const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');
const LARGE_HASH = sha256(LARGE);
const [major, minor] = process.versions.node.split('.').map(Number);
const hasEnvProxy = major > 24 || (major === 24 && minor >= 5) || (major === 22 && minor >= 21);

const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'boot test '));
const bootstrap = path.join(directory, 'boot.cjs');
const certificate = path.join(directory, 'origin.pem');
const key = path.join(directory, 'origin.key');
/** What is connected to the origins; an HTTP/2 server cannot close it by itself before Node 24. */
const connections = new Set();
let origin;
let plainOrigin;
let proxy;

/** What the origin answers; the same over TLS (HTTP/1.1 and 2) and without. */
function respond(request, response) {
  response.on('error', () => {});
  request.on('error', () => {});
  if (request.url === '/large') {
    response.end(LARGE);
  } else if (request.url === '/large-and-close') {
    response.setHeader('connection', 'close');
    response.end(LARGE);
  } else {
    const hash = createHash('sha256');
    request.on('data', (chunk) => hash.update(chunk));
    const host = (request.headers.host ?? request.authority).replace(/:443$/, '');
    request.on('end', () => response.end(`${request.method} ${host} ${hash.digest('hex')}`));
  }
}

/** A WebSocket that greets and hangs up. */
function upgrade(request, socket) {
  const accept = createHash('sha1').update(`${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
  socket.on('error', () => {});
  socket.write(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`);
  socket.write('\x81\x05hello', 'latin1');
  socket.end('\x88\x00', 'latin1');
}

/** What the proxy does for some hosts, instead of making a tunnel to an origin. */
const DENIAL = JSON.stringify({ error: 'denied', message: 'authsome: refused.test\u001b[31m belongs to no connection', hint: 'log in' });
const ESTABLISHED = 'HTTP/1.1 200 Connection Established\r\n\r\n';
const HOSTS = {
  'eager.test': (socket) => socket.end(`${ESTABLISHED}HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\neager`),
  'endless.test': (socket) => socket.write(`HTTP/1.1 200 OK\r\nX: ${'x'.repeat(80 * 1024)}`),
  'gateway.test': (socket) => socket.end('HTTP/1.1 502 Bad Gateway\r\nContent-Length: 9\r\n\r\nnot json!'),
  'hangup.test': (socket) => socket.destroy(),
  // Says something, closes its side, counts what still comes.
  'listens.test': (socket, isTls) => {
    const stream = establish(socket, isTls);
    let count = 0;
    stream.end('listening');
    stream.on('data', ({ length }) => (count += length)).on('end', () => proxy.events.emit('counted', count));
  },
  'nonsense.test': (socket) => socket.write('220 smtp.test ready\r\n\r\n'),
  'refused.test': async (socket) => {
    // In pieces, as a slow network delivers them.
    const head = `HTTP/1.1 403 Forbidden\r\nauthsome-error: denied\r\nContent-Length: ${DENIAL.length}\r\n\r\n`;
    for (const piece of [head.slice(0, 40), head.slice(40), DENIAL.slice(0, 9), DENIAL.slice(9)]) {
      socket.write(piece);
      await setTimeout(10);
    }
  },
  // Listens until the other side has closed, and then answers.
  'speaks.test': (socket, isTls) => {
    const stream = establish(socket, isTls);
    stream.resume().on('end', () => stream.end('speaking'));
  },
  'stalled.test': () => {},
};

function establish(socket, isTls) {
  socket.write(ESTABLISHED);
  const stream = isTls ? new tls.TLSSocket(socket, { isServer: true, key: fs.readFileSync(key), cert: fs.readFileSync(certificate) }) : socket;
  return stream.on('error', () => {});
}

class Proxy {
  /** `CONNECT host:port` or `GET url`, in the order in which they came. */
  seen = [];
  events = new EventEmitter();
  #server = http.createServer();

  constructor() {
    this.#server.on('request', (request, response) => {
      this.seen.push(`${request.method} ${request.url}`);
      if (request.headers['proxy-authorization'] !== AUTHORIZATION) response.statusCode = 407;
      response.end('from the proxy');
    });
    this.#server.on('connect', (request, socket, head) => this.#connect(request, socket, head));
  }

  #connect(request, socket, head) {
    this.seen.push(`CONNECT ${request.url}`);
    socket.on('error', () => {});
    if (request.headers['proxy-authorization'] !== AUTHORIZATION) {
      socket.end('HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n');
      return;
    }
    if (head.length > 0) {
      socket.end('HTTP/1.1 400 Too Early\r\nContent-Length: 0\r\n\r\n');
      return;
    }
    const isTls = !request.url.endsWith(':80');
    const serve = HOSTS[request.url.replace(/:\d+$/, '')];
    if (serve) {
      serve(socket, isTls);
      return;
    }
    const target = isTls ? origin : plainOrigin;
    const upstream = net.connect(target.address().port, '127.0.0.1', () => {
      socket.write(ESTABLISHED);
      upstream.pipe(socket);
      socket.pipe(upstream);
    });
    upstream.on('error', () => socket.destroy());
    socket.on('close', () => upstream.destroy());
  }

  async listen() {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
  }

  close() {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  get port() {
    return this.#server.address().port;
  }

  get url() {
    return `http://authsome:${SECRET}@127.0.0.1:${this.port}`;
  }
}

/** What the programs below have at hand. */
const PREAMBLE = `
  'use strict';
  const http = require('http'), https = require('https'), net = require('net'), tls = require('tls'), { once } = require('events');
  const sha256 = (bytes) => require('crypto').createHash('sha256').update(bytes).digest('hex');
  const read = async (stream) => { const chunks = []; for await (const chunk of stream) chunks.push(chunk); return Buffer.concat(chunks); };
  const send = (url, options, body) => new Promise((resolve, reject) => {
    const request = (url.startsWith('https:') ? https : http).request(url, options ?? {});
    request.on('response', (response) => read(response).then(resolve, reject)).on('error', reject).end(body);
  });
  const get = async (url, options) => String(await send(url, options));
  const fails = (promise) => promise.then(() => { throw new Error('no error'); }, (error) => error.cause ?? error);
  const expect = (actual, expected) => { if (actual !== expected) throw new Error(JSON.stringify(actual) + ' is not ' + JSON.stringify(expected)); };
  const GREETING = 'GET gitlab.test ' + sha256('');
  const main = (program) => program().then((value) => { if (value !== undefined) console.log(JSON.stringify(value)); });
`;

/** Runs a program with the bootstrap and returns what it printed as JSON; anything else it prints, or a failure, fails the test. */
async function run(program, { env = {} } = {}) {
  const { code, signal, stdout, stderr } = await start(['-e', `${PREAMBLE}; main(async () => { ${program} });`], env);
  assert.deepEqual({ code, signal, stderr }, { code: 0, signal: null, stderr: '' });
  return stdout === '' ? undefined : JSON.parse(stdout);
}

async function start(args, env = {}, node = process.execPath) {
  const child = spawn(node, args, { env: environment(env), stdio: ['ignore', 'pipe', 'pipe'], timeout: 30_000, killSignal: 'SIGKILL' });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk) => (stdout += chunk));
  child.stderr.on('data', (chunk) => (stderr += chunk));
  const [code, signal] = await once(child, 'close');
  return { code, signal, stdout, stderr };
}

/** Nothing of the test's own environment: it may itself name a proxy or certificates. */
function environment(changes) {
  const variables = {
    PATH: process.env.PATH,
    HTTPS_PROXY: changes.HTTPS_PROXY === undefined ? proxy.url : null,
    NO_PROXY: 'localhost,127.0.0.1,::1',
    NODE_EXTRA_CA_CERTS: certificate,
    NODE_OPTIONS: `--require "${bootstrap}"`,
    ...changes,
  };
  return Object.fromEntries(Object.entries(variables).filter(([, value]) => value !== null));
}

before(async () => {
  fs.copyFileSync(path.join(__dirname, '../../src/env/helpers/boot.cjs'), bootstrap);
  execFileSync('openssl', [
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj', '/CN=gitlab.test'],
    ...['-addext', 'subjectAltName=DNS:gitlab.test,IP:127.0.0.1', '-keyout', key, '-out', certificate],
  ], { stdio: 'pipe' });
  // Keeps idle connections open for ever, so that a program which waits for them does not end.
  origin = http2.createSecureServer({ allowHTTP1: true, key: fs.readFileSync(key), cert: fs.readFileSync(certificate) }, respond);
  plainOrigin = http.createServer(respond);
  for (const server of [origin, plainOrigin]) {
    server.keepAliveTimeout = 0;
    server.on('connection', (socket) => {
      connections.add(socket);
      socket.on('close', () => connections.delete(socket));
    });
    server.on('upgrade', upgrade);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  }
});

beforeEach(async () => {
  proxy = new Proxy();
  await proxy.listen();
});

afterEach(() => proxy.close());

after(() => {
  fs.rmSync(directory, { recursive: true });
  for (const server of [origin, plainOrigin]) server.close();
  for (const socket of connections) socket.destroy();
});

const TLS = 'CONNECT gitlab.test:443';
const PLAIN = 'CONNECT gitlab.test:80';

for (const [scheme, tunnel] of [['https', TLS], ['http', PLAIN]]) {
  test(`${scheme}: agents of every kind`, async () => {
    await run(`
      const url = '${scheme}://gitlab.test/', { Agent } = ${scheme};
      class Synchronous extends Agent {
        createConnection(...args) { const socket = super.createConnection(...args); socket.setKeepAlive(true); return socket; }
      }
      class Own extends Agent {
        createConnection(options) { return ${scheme === 'https' ? 'tls.connect' : 'net.connect'}(options); }
      }
      for (const agent of [undefined, false, new Agent(), new Agent({ keepAlive: true }), new Synchronous({ keepAlive: true }), new Own()]) {
        expect(await get(url, { agent }), GREETING);
      }
    `);
    assert.deepEqual(proxy.seen, Array(6).fill(tunnel));
  });

  test(`${scheme}: a request with a createConnection of its own`, async () => {
    await run(`
      const url = '${scheme}://gitlab.test/', defaultPort = ${scheme === 'https' ? 443 : 80}; // Node itself takes 80 where there is no agent
      const connect = (options) => ${scheme === 'https' ? 'tls' : 'net'}.connect({ ...options, path: undefined, servername: 'gitlab.test' });
      expect(await get(url, { defaultPort, createConnection: connect }), GREETING);
      const socket = new ${scheme}.Agent().createConnection({ host: 'gitlab.test', port: defaultPort, servername: 'gitlab.test' });
      expect(await get(url, { defaultPort, createConnection: () => socket }), GREETING);
    `);
    assert.deepEqual(proxy.seen, [tunnel, tunnel]);
  });

  test(`${scheme}: many requests on few connections`, async () => {
    await run(`
      const agent = new ${scheme}.Agent({ keepAlive: true, maxSockets: 4 });
      for (let round = 0; round < 3; round++) {
        const all = await Promise.all(Array.from({ length: 20 }, () => get('${scheme}://gitlab.test/', { agent })));
        all.forEach((greeting) => expect(greeting, GREETING));
      }
    `);
    assert.deepEqual(proxy.seen, Array(4).fill(tunnel));
  });

  test(`${scheme}: large bodies, also for a slow reader of a connection that closes`, async () => {
    await run(`
      const url = '${scheme}://gitlab.test', agent = new ${scheme}.Agent({ keepAlive: true }), large = await send(url + '/large', { agent });
      expect(sha256(large), '${LARGE_HASH}');
      expect(String(await send(url + '/', { agent, method: 'PUT' }, large)), 'PUT gitlab.test ${LARGE_HASH}');
      const response = await new Promise((resolve, reject) => ${scheme}.get(url + '/large-and-close', { agent: false }, resolve).on('error', reject));
      const chunks = [];
      for await (const chunk of response) {
        chunks.push(chunk);
        if (chunks.length % 100 === 0) await new Promise(setImmediate);
      }
      expect(sha256(Buffer.concat(chunks)), '${LARGE_HASH}');
    `);
    assert.deepEqual(proxy.seen, [tunnel, tunnel]);
  });

  test(`${scheme}: a request's own timeout and signal end it, and its connection, before the tunnel is open`, async () => {
    await run(`
      const url = '${scheme}://stalled.test/', { Agent } = ${scheme};
      const until = (options, prepare = () => {}) => fails(new Promise((resolve, reject) => {
        const request = ${scheme}.get(url, options, resolve).on('error', reject).on('timeout', () => request.destroy(new Error('timed out')));
        prepare(request);
      }));
      expect((await until({ agent: new Agent({ keepAlive: true }), timeout: 50 })).message, 'timed out');
      expect((await until({ agent: new Agent({ timeout: 50 }) })).message, 'timed out');
      expect((await until({ agent: false }, (request) => request.setTimeout(50))).message, 'timed out');
      expect((await until({ agent: false, signal: AbortSignal.timeout(50) })).name, 'TimeoutError');
      expect((await until({ agent: false }, (request) => request.destroy())).code, 'ECONNRESET');
      expect((await until({ agent: false }, (request) => request.on('socket', () => request.destroy(new Error('gone'))))).message, 'gone');
      while (process.getActiveResourcesInfo().includes('TCPSocketWrap')) await new Promise(setImmediate);
    `);
  });
}

for (const [scheme, connection] of [
  ['TLS', "tls.connect({ host, port: 443, servername: 'gitlab.test', ALPNProtocols: ['http/1.1'] })"],
  ['plain', 'new http.Agent().createConnection({ host, port: 80 })'],
]) {
  test(`${scheme} connections that one side has closed carry what the other sends`, async () => {
    const counted = once(proxy.events, 'counted');
    await run(`
      const open = async (host) => {
        const socket = ${connection};
        await once(socket, '${scheme === 'TLS' ? 'secureConnect' : 'connect'}');
        return socket;
      };
      const listener = await open('listens.test');
      for (let count = 0; count < 100; count++) {
        await new Promise((resolve, reject) => listener.write('x', (error) => (error ? reject(error) : setImmediate(resolve))));
      }
      expect(String(await read(listener)), 'listening');
      const speaker = await open('speaks.test');
      speaker.end('your turn');
      await new Promise((resolve) => setTimeout(resolve, 50)); // for the other side to have closed as well before this one reads
      expect(String(await read(speaker)), 'speaking');
    `);
    assert.deepEqual(await counted, [100]);
  });
}

test('a tunnel does what a socket does', async () => {
  await run(`
    const open = (host, listener) => new http.Agent().createConnection({ host, port: 80 }, listener);
    await new Promise((resolve) => open('gitlab.test', resolve).unref().ref());
    const stalled = open('stalled.test').setNoDelay().setKeepAlive();
    const written = new Promise((resolve) => stalled.write('x', resolve));
    await new Promise((resolve) => stalled.setTimeout(20, resolve));
    expect(stalled.timeout, 20);
    stalled.destroy();
    expect((await written).code, 'ERR_PROXY_TUNNEL');
    expect(await get('http://eager.test/', { agent: false }), 'eager');
    process.exit(); // the first one is still open
  `);
});

test('ES modules with named imports, also if they were imported first', async () => {
  const program = `
    import { Agent, get } from 'node:https';
    import { createRequire } from 'node:module';
    import { connect } from 'node:tls';
    createRequire(import.meta.url)(${JSON.stringify(bootstrap)});
    if (connect !== createRequire(import.meta.url)('tls').connect) throw new Error('left behind');
    await new Promise((resolve, reject) => get('https://gitlab.test/', { agent: new Agent() }, resolve).on('error', reject));
    process.exit();
  `;
  for (const NODE_OPTIONS of [undefined, '']) {
    const { code, stderr } = await start(['--input-type=module', '-e', program], NODE_OPTIONS === undefined ? {} : { NODE_OPTIONS });
    assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
  }
  assert.deepEqual(proxy.seen, [TLS, TLS]);
});

test('what was loaded before it is covered as well', async () => {
  const early = path.join(directory, 'early.cjs');
  fs.writeFileSync(early, "require('http'); require('https'); require('http2');");
  await run(`
    expect(await get('https://gitlab.test/', { agent: new https.Agent() }), GREETING);
    expect(await get('http://gitlab.test/', { agent: new http.Agent() }), GREETING);
  `, { env: { NODE_OPTIONS: `--require "${early}" --require "${bootstrap}"` } });
  assert.deepEqual(proxy.seen, [TLS, PLAIN]);
});

test('fetch, over TLS and in clear', async () => {
  await run(`
    expect(await (await fetch('https://gitlab.test/')).text(), GREETING);
    const large = Buffer.from(await (await fetch('https://gitlab.test/large')).arrayBuffer());
    expect(sha256(large), '${LARGE_HASH}');
    expect(await (await fetch('https://gitlab.test/', { method: 'PUT', body: large })).text(), 'PUT gitlab.test ${LARGE_HASH}');
    expect(await (await fetch('http://gitlab.test/')).text(), GREETING);
    expect((await fails(fetch('https://stalled.test/', { signal: AbortSignal.timeout(50) }))).name, 'TimeoutError');
    process.exit(); // undici itself goes on connecting for 10 s
  `);
  assert.deepEqual([...new Set(proxy.seen)], [TLS, PLAIN, 'CONNECT stalled.test:443']); // how many connections is undici's affair
});

// Debian's Node 18 has an undici of before 5.23, whose TLS says nothing of HTTP: only what it reports does.
test('a connection that undici has announced, without ALPN', { skip: major < 18 }, async () => {
  await run(`
    const { channel } = require('diagnostics_channel');
    const connectParams = { hostname: 'gitlab.test', protocol: 'https:', port: '' };
    channel('undici:client:beforeConnect').publish({ connectParams });
    const socket = require('tls').connect({ host: 'gitlab.test', port: 443, servername: 'gitlab.test' });
    socket.write('GET / HTTP/1.1\\r\\nHost: gitlab.test\\r\\nConnection: close\\r\\n\\r\\n');
    let text = '';
    for await (const chunk of socket) text += chunk;
    expect(text.includes(GREETING), true);
  `);
  assert.deepEqual(proxy.seen, [TLS]);
});

test('WebSocket', { skip: major < 22 }, async () => {
  const greeting = await run(`
    const socket = new WebSocket('wss://gitlab.test/');
    return await new Promise((resolve, reject) => { socket.onmessage = ({ data }) => resolve(data); socket.onerror = reject; });
  `);
  assert.equal(greeting, 'hello');
  assert.deepEqual(proxy.seen, [TLS]);
});

test('HTTP/2', async () => {
  const events = await run(`
    const http2 = require('http2');
    const exchange = (session, headers, body) => new Promise((resolve, reject) => {
      const events = [], chunks = [], stream = session.request(headers);
      stream.on('response', () => events.push('response')).on('data', (chunk) => { events.push('data'); chunks.push(chunk); });
      stream.on('end', () => resolve({ body: Buffer.concat(chunks), events: events.slice(0, 2) })).on('error', reject).end(body);
    });
    const session = http2.connect('https://gitlab.test');
    const { body, events } = await exchange(session, { ':path': '/' });
    expect(String(body), GREETING);
    await Promise.all(Array.from({ length: 20 }, () => exchange(session, { ':path': '/' })));
    const { body: large } = await exchange(session, { ':path': '/large' });
    expect(sha256(large), '${LARGE_HASH}');
    expect(String((await exchange(session, { ':path': '/', ':method': 'PUT' }, large)).body), 'PUT gitlab.test ${LARGE_HASH}');
    session.close();
    const idle = http2.connect('https://gitlab.test', { ALPNProtocols: ['h2'] });
    await exchange(idle, { ':path': '/' });
    idle.unref(); // left open: the program must end all the same
    return events;
  `);
  assert.deepEqual(proxy.seen, [TLS, TLS]);
  if (major >= 22) assert.deepEqual(events, ['response', 'data']);
});

test('what a program leaves idle does not keep it alive', async () => {
  await run(`
    await get('https://gitlab.test/', { agent: new https.Agent({ keepAlive: true }) });
    await get('http://gitlab.test/', { agent: new http.Agent({ keepAlive: true }) });
    await (await fetch('https://gitlab.test/')).text();
  `);
  assert.deepEqual(proxy.seen, [TLS, PLAIN, TLS]);
});

test('odd spellings of hosts', async () => {
  await run(`
    const servername = 'gitlab.test', agent = new https.Agent();
    await get('https://[2001:db8::1]/', { servername, agent });
    await get('https://b\u00fccher.test/', { servername, agent });
    await get('https://gitlab.test/', { hostname: 'b\u00fccher.test', servername, agent });
    await get('https://gitlab.test/', { hostname: 'GitLab.test.', servername, agent });
    // These are none, and not for the proxy.
    const lookup = (name, options, done) => done(new Error('left alone'));
    for (const host of ['a\\r\\nX: y', 'a b', 'a/b', 'a@b', 'a:1', '[::1', '::1]']) {
      const socket = tls.connect({ host, port: 443, ALPNProtocols: ['http/1.1'], lookup });
      expect((await fails(once(socket, 'secureConnect'))).message, 'left alone');
    }
  `);
  assert.deepEqual(proxy.seen, [
    'CONNECT [2001:db8::1]:443',
    'CONNECT xn--bcher-kva.test:443',
    'CONNECT xn--bcher-kva.test:443',
    'CONNECT GitLab.test.:443',
  ]);
});

test('what is no HTTP, has a socket of its own, or goes to the proxy itself, is left alone', async () => {
  await run(`
    const port = ${origin.address().port}, plainPort = ${plainOrigin.address().port};
    const settle = (socket, event) => once(socket, event).finally(() => socket.destroy());
    await settle(tls.connect({ host: '127.0.0.1', port }), 'secureConnect');
    // The origin knows no such protocol, and says so.
    expect((await fails(settle(tls.connect(port, '127.0.0.1', { ALPNProtocols: ['postgresql'] }), 'secureConnect'))).library, 'SSL routines');
    await settle(tls.connect({ host: '127.0.0.1', socket: net.connect(port, '127.0.0.1'), ALPNProtocols: ['http/1.1'] }), 'secureConnect');
    await settle(net.connect(plainPort, '127.0.0.1'), 'connect');
    await settle(net.createConnection({ host: '127.0.0.1', port: plainPort }), 'connect');
    const path = ${JSON.stringify(path.join(directory, 'socket'))};
    const server = http.createServer((request, response) => response.end('by path')).listen(path);
    await once(server, 'listening');
    await settle(net.connect(path), 'connect');
    expect(await get('http://gitlab.test/', { socketPath: path, agent: new http.Agent() }), 'by path');
    server.close();
    // As older axios does.
    const headers = { 'proxy-authorization': '${AUTHORIZATION}' };
    for (const agent of [undefined, new http.Agent()]) {
      expect(await get('http://127.0.0.1:${proxy.port}', { path: 'https://gitlab.test/', headers, agent }), 'from the proxy');
    }
  `, { env: { NO_PROXY: null } });
  assert.deepEqual(proxy.seen, Array(2).fill('GET https://gitlab.test/'));
});

test('NO_PROXY', async () => {
  const port = origin.address().port;
  const cases = [
    ['gitlab.test', { 'gitlab.test': false, 'GITLAB.test.': false, 'sub.gitlab.test': false, 'mygitlab.test': true }],
    ['.gitlab.test', { 'gitlab.test': false, 'sub.gitlab.test': false, 'mygitlab.test': true }],
    ['*.gitlab.test', { 'gitlab.test': false, 'sub.gitlab.test': false }],
    ['other.test, gitlab.test', { 'gitlab.test': false, 'third.test': true }],
    [`gitlab.test:${port}`, { 'gitlab.test': false }],
    ['gitlab.test:1', { 'gitlab.test': true }],
    ['127.0.0.1', { '127.0.0.1': false, '127.0.0.2': true }],
    ['::1', { '::1': false, '::2': true }],
    [`[::1]:${port}`, { '::1': false, '::2': true }],
    ['*', { 'gitlab.test': false, '127.0.0.2': false }],
    ['', { 'gitlab.test': true, localhost: true }],
  ];
  for (const [exclusions, hosts] of cases) {
    const proxied = await run(`
      const proxied = {};
      for (const host of ${JSON.stringify(Object.keys(hosts))}) {
        // What is left alone asks this for an address, or fails at once; what is proxied gets its tunnel.
        const lookup = (name, options, done) => done(new Error('left alone'));
        const socket = tls.connect({ host, port: ${port}, lookup, ALPNProtocols: ['http/1.1'], rejectUnauthorized: false });
        await new Promise((resolve) => socket.on('error', resolve).on('secureConnect', resolve));
        proxied[host] = socket.alpnProtocol === 'http/1.1' && socket.remoteAddress === undefined;
        socket.destroy();
      }
      return proxied;
    `, { env: { NO_PROXY: null, no_proxy: exclusions } });
    assert.deepEqual(proxied, hosts, exclusions);
    const count = Object.values(hosts).filter(Boolean).length;
    assert.equal(proxy.seen.splice(0).length, count, exclusions);
  }
});

test("errors say what the proxy said, on the request's 'error' event", async () => {
  const errors = await run(`
    const describe = ({ code, statusCode, reason, message }) => ({ code, statusCode, reason, message });
    const all = {};
    for (const host of ['refused', 'gateway', 'hangup', 'nonsense', 'endless']) {
      const url = 'https://' + host + '.test/';
      const attempts = [get(url, { agent: new https.Agent({ keepAlive: true }) }), get(url, { agent: false })];
      attempts.push(fetch(url), new Promise((resolve, reject) => require('http2').connect(url).on('error', reject)));
      const errors = (await Promise.all(attempts.map(fails))).map(describe);
      errors.forEach((error) => expect(JSON.stringify(error), JSON.stringify(errors[0])));
      const plain = describe(await fails(get('http://' + host + '.test/', { agent: new http.Agent() })));
      expect(JSON.stringify(plain), JSON.stringify(errors[0]).replace(':443', ':80'));
      all[host] = errors[0];
    }
    return all;
  `);
  const code = 'ERR_PROXY_TUNNEL';
  assert.deepEqual(errors, {
    refused: {
      code,
      statusCode: 403,
      reason: 'denied',
      message: 'the proxy refused a tunnel to refused.test:443: 403 authsome: refused.test [31m belongs to no connection; log in',
    },
    gateway: { code, statusCode: 502, message: 'the proxy refused a tunnel to gateway.test:443: 502 Bad Gateway' },
    hangup: { code, message: 'the proxy hung up on CONNECT hangup.test:443' },
    nonsense: { code, message: "the proxy's response to CONNECT nonsense.test:443 is not HTTP" },
    endless: { code, message: "the proxy's response to CONNECT endless.test:443 is too large" },
  });
});

test('a wrong password, and a proxy that is not there', async () => {
  const wrong = { HTTPS_PROXY: proxy.url.replace(SECRET, 'wrong') };
  assert.equal(await run(`return (await fails(get('https://gitlab.test/'))).statusCode;`, { env: wrong }), 407);
  const { port, url } = proxy;
  proxy.close();
  const gone = await run(`const { code, port } = await fails(get('https://gitlab.test/')); return { code, port };`, {
    env: { HTTPS_PROXY: url },
  });
  assert.deepEqual(gone, { code: 'ECONNREFUSED', port });
});

test('wrong options are thrown at the caller, and nothing stays open', async () => {
  await run(`
    let thrown;
    try { tls.connect({ host: 'gitlab.test', port: 443, ALPNProtocols: ['h2'], minVersion: 'TLSv9' }); } catch (error) { thrown = error; }
    expect(thrown.code, 'ERR_TLS_INVALID_PROTOCOL_VERSION');
  `);
});

test('worker threads and child processes', async () => {
  await run(`
    const { Worker } = require('worker_threads');
    const thread = (options) => new Promise((resolve, reject) => {
      const source = "require('https').get('https://gitlab.test/', { agent: false }, (response) => response.resume().on('end', () => {}))";
      new Worker(source, { eval: true, ...options }).on('error', reject).on('exit', resolve);
    });
    expect(await thread({}), 0);
    expect(await thread({ env: { ...process.env } }), 0);
    const program = "require('https').get('https://gitlab.test/', { agent: false }, (response) => response.pipe(process.stdout))";
    expect(String(require('child_process').execFileSync(process.execPath, ['-e', program])), GREETING);
  `);
  assert.deepEqual(proxy.seen, [TLS, TLS, TLS]);
});

test("Node's own support of the proxy variables gets no tunnel in a tunnel", { skip: !hasEnvProxy }, async () => {
  await run(`
    expect(await get('https://gitlab.test/'), GREETING);
    expect(await (await fetch('https://gitlab.test/')).text(), GREETING);
    expect(await get('https://gitlab.test/', { agent: new https.Agent({ proxyEnv: process.env }) }), GREETING);
    expect(await get('https://gitlab.test/', { agent: new https.Agent() }), GREETING);
  `, { env: { NODE_USE_ENV_PROXY: '1', NODE_NO_WARNINGS: '1' } });
  assert.deepEqual(proxy.seen, Array(4).fill(TLS));
});

/** The Nodes of `tests/clients/install.sh` that are too old for this file itself. */
const clients = process.env.CLIENTS || path.join(__dirname, '../../target/clients');
const bin = path.join(clients, 'node/bin');
const oldNodes = fs.existsSync(bin) ? fs.readdirSync(bin).filter((name) => /^old-node\d+$/.test(name)) : [];

for (const name of oldNodes.length > 0 ? oldNodes : ['old-node']) {
  test(`${name}: agents of every kind, bodies, errors`, { skip: oldNodes.length === 0 && 'not installed' }, async () => {
    const program = path.join(directory, 'old.js');
    fs.writeFileSync(program, `
      'use strict';
      const http = require('http'), https = require('https'), tls = require('tls');
      const send = (url, options, body) => new Promise((resolve, reject) => {
        const [, scheme, host, path] = /^(https?):[/][/]([^/]+)(.*)$/.exec(url);
        const request = (scheme === 'https' ? https : http).request(Object.assign({ host, path }, options), (response) => {
          const chunks = [];
          response.on('data', (chunk) => chunks.push(chunk)).on('end', () => resolve(Buffer.concat(chunks)));
        });
        request.on('error', reject).end(body);
      });
      const expect = (actual, expected) => { if (actual !== expected) throw new Error(JSON.stringify(actual) + ' is not ' + expected); };
      const sha256 = (bytes) => require('crypto').createHash('sha256').update(bytes).digest('hex');
      class Own extends https.Agent {
        createConnection(options) { return tls.connect(options); }
      }
      const check = (scheme, agent) => () => send(scheme + '://gitlab.test/', { agent }).then((body) => expect(String(body), 'GET gitlab.test ' + sha256('')));
      const keepAlive = new https.Agent({ keepAlive: true });
      const steps = [
        check('https'), check('https', false), check('https', new https.Agent()), check('https', new Own()),
        check('http'), check('http', false), check('http', new http.Agent()),
        () => send('https://gitlab.test/large', { agent: keepAlive }).then((body) => expect(sha256(body), '${LARGE_HASH}')),
        () => send('https://gitlab.test/', { agent: keepAlive, method: 'PUT' }, Buffer.alloc(3000000)).then((body) => expect(/^PUT/.test(body), true)),
        () => send('http://gitlab.test/large-and-close', { agent: false }).then((body) => expect(sha256(body), '${LARGE_HASH}')),
        () => send('https://refused.test/', {}).then(() => { throw new Error('no error'); }, (error) => expect(error.code, 'ERR_PROXY_TUNNEL')),
      ];
      steps.reduce((before, step) => before.then(step), Promise.resolve()).catch((error) => {
        console.error(error);
        process.exit(1);
      });
    `);
    // Without a blank, as Node 8 knows no quotes.
    const plain = fs.mkdtempSync(path.join(os.tmpdir(), 'boot-test-'));
    fs.copyFileSync(bootstrap, path.join(plain, 'boot.cjs'));
    const { code, stdout, stderr } = await start([program], { NODE_OPTIONS: `--require ${plain}/boot.cjs` }, path.join(bin, name));
    fs.rmSync(plain, { recursive: true });
    assert.deepEqual({ code, stdout, stderr }, { code: 0, stdout: '', stderr: '' });
    const tunnels = [TLS, TLS, TLS, TLS, PLAIN, PLAIN, PLAIN, TLS, PLAIN, 'CONNECT refused.test:443'];
    assert.deepEqual(proxy.seen, tunnels);
  });
}

test('required twice, also from another place, it is installed once', async () => {
  const other = path.join(directory, 'other.cjs');
  fs.copyFileSync(bootstrap, other);
  await run(`
    const { connect } = net, { prototype: { createConnection } } = https.Agent;
    require(${JSON.stringify(bootstrap)});
    require(${JSON.stringify(other)});
    expect(net.connect, connect);
    expect(https.Agent.prototype.createConnection, createConnection);
    expect(await get('https://gitlab.test/', { agent: new https.Agent() }), GREETING);
  `);
  assert.deepEqual(proxy.seen, [TLS]);
});

const STATE = `JSON.stringify({
  installed: Symbol.for('authsome.bootstrap') in globalThis,
  loaded: process.moduleLoadList.filter((name) => /^NativeModule (net|tls|http|https|internal.deps.undici.undici)$/.test(name)).length,
})`;

test('without a proxy of its kind it loads and changes nothing', async () => {
  for (const value of [null, '', 'socks5://127.0.0.1:1', 'https://proxy.test', '::not a url', 'http://%ff@127.0.0.1:1']) {
    const { code, stdout, stderr } = await start(['-e', `process.stdout.write(${STATE})`], { HTTPS_PROXY: value });
    assert.deepEqual({ code, stderr }, { code: 0, stderr: '' }, value);
    // Standard output may itself need `net` when it is a pipe.
    const { installed, loaded } = JSON.parse(stdout);
    assert.equal(installed, false, value);
    assert.ok(loaded <= 1, `${value}: ${stdout}`);
  }
});

test('with one it prints nothing and does not load undici', async () => {
  const { code, stdout, stderr } = await start(['-e', `
    if (!(Symbol.for('authsome.bootstrap') in globalThis)) process.exitCode = 1;
    if (process.moduleLoadList.includes('NativeModule internal/deps/undici/undici')) process.exitCode = 2;
  `]);
  assert.deepEqual({ code, stdout, stderr }, { code: 0, stdout: '', stderr: '' });
});
