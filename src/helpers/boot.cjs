'use strict';

// Sends the HTTP traffic of a Node program through the proxy of the environment. Node is made to load this file by
// NODE_OPTIONS=--require, before the program and in every worker thread; child processes inherit it.
//
// Node's own support of the proxy variables begins with 22.21 and 24.5 and leaves out agents that the program makes itself, WebSocket
// packages, HTTP/2 and undici's own clients. All of these end in two functions, `net.connect` and `tls.connect`, and look them up when
// they connect. Those two are replaced here: a connection that is made for HTTP becomes a tunnel (CONNECT) through the proxy, every
// other one (a database, SMTP, a Unix socket) is left alone. Only `net`, `tls`, `http` and `https` are loaded for that; undici, which
// would cost more than all the rest, loads when the program asks for it.
//
// Invariants: nothing is printed, nothing is thrown at start, and without a proxy in the environment nothing is changed.

const INSTALLED = Symbol.for('authsome.bootstrap');

/** The largest answer of the proxy to a CONNECT that is read: a head as large as Node's own clients take, and as much of a body. */
const LARGEST_HEAD = 64 * 1024;
const LARGEST_BODY = 64 * 1024;

/** How much of the proxy's explanation is put into an error. */
const LONGEST_MESSAGE = 1024;

/** The proxy of the environment, or null. */
function proxyOf(env) {
  const value = env.https_proxy || env.HTTPS_PROXY;
  if (!value) return null;
  const url = new URL(value);
  if (url.protocol !== 'http:') return null;
  const user = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
  return {
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: Number(url.port || 80),
    authorization: user === ':' ? null : `Basic ${Buffer.from(user).toString('base64')}`,
  };
}

/** What NO_PROXY names: `name`, `.name` and `*.name` stand for the name and all below it, `*` for everything; each may end in a port. */
function exclusionsOf(env) {
  const entries = (env.no_proxy || env.NO_PROXY || '').toLowerCase().split(/[\s,]+/).filter(Boolean);
  return entries.map((entry) => {
    // A bare IPv6 address ends in what looks like a port.
    const [, name, port] = /^[^:]*:[^:]*:/.test(entry) && !entry.startsWith('[') ? [null, entry] : /^(.*?)(?::(\d+))?$/.exec(entry);
    return { name: name.replace(/^\[|\]$/g, '').replace(/^\*?\./, ''), port: Number(port) || null };
  });
}

function isExcluded(exclusions, host, port) {
  const name = host.toLowerCase().replace(/\.$/, '');
  return exclusions.some((exclusion) =>
    (exclusion.port === null || exclusion.port === port)
    && (exclusion.name === '*' || name === exclusion.name || name.endsWith(`.${exclusion.name}`)));
}

/** The name as it may stand in a request line, or null: an object's `host` may be anything, a line break included. */
function wireName(host) {
  if (typeof host !== 'string') return null;
  if (/^[\w.-]+$/.test(host) || /^[\da-f]*:[\da-f:.]+$/i.test(host)) return host;
  return /^[\p{L}\p{M}\p{N}_.-]+$/u.test(host) ? require('url').domainToASCII(host) || null : null;
}

/**
 * The arguments of `net.connect` and `tls.connect` in one object: (options), (port[, host][, options]) or, for a Unix socket,
 * (path[, options]), each with a listener at the end.
 */
function parseArguments(args) {
  const options = {};
  let listener;
  for (const argument of args) {
    if (typeof argument === 'function') listener = argument;
    else if (typeof argument === 'object') Object.assign(options, argument); // wins over what stands before it, as in Node
    else if (argument === undefined) continue;
    else if ('port' in options) options.host = argument;
    else if (Number.isNaN(Number(argument))) options.path = argument;
    else options.port = argument;
  }
  return { options, listener };
}

/** Whether ALPN offers a version of HTTP (RFC 7301), as undici and `node:http2` always do. */
function offersHttp({ ALPNProtocols: protocols }) {
  return Array.isArray(protocols) && protocols.some((name) => ['h2', 'http/1.1'].includes(String(name)));
}

/**
 * Whether these are the options of an HTTP request, handed on as they came: by an agent that makes its connections itself, or by a
 * request's `createConnection` (the `ws` package).
 */
function belongToRequest(options) {
  return options._agentKey !== undefined || typeof options.createConnection === 'function';
}

function tunnelError(message, properties) {
  // The code that Node's own proxy support uses.
  return Object.assign(new Error(message), { code: 'ERR_PROXY_TUNNEL' }, properties);
}

/** An error that says what the proxy said: authsome's answers have a header with a code, and a message in a JSON body. */
function refusal(authority, [, status, reason], head, body) {
  const code = /^authsome-error: *([\w-]{1,64}) *$/im.exec(head);
  let message = reason.trim();
  try {
    const answer = JSON.parse(body);
    message = [answer.message, answer.hint].filter((text) => text && typeof text === 'string').join('; ') || message;
  } catch {
    // Another proxy's page; the status says enough.
  }
  const shown = message.replace(/[\x00-\x1f\x7f]+/g, ' ').slice(0, LONGEST_MESSAGE);
  return tunnelError(`the proxy refused a tunnel to ${authority}: ${status} ${shown}`, {
    statusCode: Number(status),
    ...(code && { reason: code[1] }),
  });
}

/** What the proxy answered to a CONNECT: `{ rest }`, the first bytes out of the tunnel, or `{ error }`; null as long as more must come. */
function readAnswer(bytes, ended, authority) {
  const end = bytes.indexOf('\r\n\r\n');
  if (end > LARGEST_HEAD || (end < 0 && bytes.length > LARGEST_HEAD)) {
    return { error: tunnelError(`the proxy's answer to CONNECT ${authority} is too large`) };
  }
  if (end < 0) return ended ? { error: tunnelError(`the proxy hung up on CONNECT ${authority}`) } : null;
  const head = bytes.toString('latin1', 0, end);
  const status = /^HTTP\/1\.[01] (\d{3})([^\r\n]*)/.exec(head);
  if (!status) return { error: tunnelError(`the proxy's answer to CONNECT ${authority} is not HTTP`) };
  const rest = bytes.subarray(end + 4);
  if (status[1].startsWith('2')) return { rest };
  const length = /^content-length: *(\d+) *$/im.exec(head);
  const expected = Math.min(length ? Number(length[1]) : 0, LARGEST_BODY);
  if (rest.length < expected && !ended) return null;
  return { error: refusal(authority, status, head, rest.toString('utf8', 0, expected)) };
}

/** Replaces what the program will connect with. */
function install(proxy, exclusions) {
  const net = require('net');
  const tls = require('tls');
  const http = require('http');
  const https = require('https');
  const { Duplex } = require('stream');
  const connectPlain = net.connect;
  const connectTls = tls.connect;

  /**
   * A connection through the proxy. It can be used at once: what is written waits for the tunnel, and 'connect' says that it is there.
   * It does not call itself `connecting`, for then `got` would wait for a DNS lookup, and a request's timeout would not yet run.
   */
  class Tunnel extends Duplex {
    #socket;
    #isOpen = false;
    #answer = Buffer.alloc(0);
    #waiting = null;

    constructor({ host, port }, options) {
      super({ allowHalfOpen: false, ...options });
      const authority = `${net.isIPv6(host) ? `[${host}]` : host}:${port}`;
      const socket = connectPlain({ host: proxy.host, port: proxy.port, noDelay: true });
      this.#socket = socket;
      const authorization = proxy.authorization ? `Proxy-Authorization: ${proxy.authorization}\r\n` : '';
      socket.write(`CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n${authorization}\r\n`);
      socket.on('data', (chunk) => {
        if (!this.#isOpen) this.#advance(chunk, false, authority);
        else if (!this.push(chunk)) socket.pause();
      });
      socket.on('end', () => {
        if (!this.#isOpen) this.#advance(Buffer.alloc(0), true, authority);
        else this.push(null);
      });
      socket.on('error', (error) => this.destroy(error));
      socket.on('timeout', () => this.emit('timeout'));
    }

    #advance(chunk, ended, authority) {
      this.#answer = Buffer.concat([this.#answer, chunk]);
      const answer = readAnswer(this.#answer, ended, authority);
      if (answer === null) return;
      if (answer.error) {
        this.destroy(answer.error);
        return;
      }
      this.#isOpen = true;
      this.#answer = null;
      if (answer.rest.length > 0) this.push(answer.rest);
      const waiting = this.#waiting;
      this.#waiting = null;
      this.emit('connect');
      if (waiting) waiting.proceed();
    }

    #whenOpen(proceed, callback) {
      if (this.#isOpen) proceed();
      else this.#waiting = { proceed, callback };
    }

    _read() {
      this.#socket.resume();
    }

    _write(chunk, encoding, callback) {
      this.#whenOpen(() => this.#socket.write(chunk, encoding, callback), callback);
    }

    _writev(chunks, callback) {
      this.#whenOpen(() => {
        this.#socket.cork();
        chunks.forEach(({ chunk, encoding }, index) => {
          this.#socket.write(chunk, encoding, index === chunks.length - 1 ? callback : undefined);
        });
        this.#socket.uncork();
      }, callback);
    }

    _final(callback) {
      // That the other side has ended it already is no error here.
      this.#whenOpen(() => this.#socket.end(() => callback()), callback);
    }

    _destroy(error, callback) {
      this.#socket.destroy();
      if (this.#waiting) this.#waiting.callback(error || tunnelError('the connection was closed before the tunnel was there'));
      callback(error);
    }

    // What HTTP clients do with a socket beside reading and writing.

    get timeout() {
      return this.#socket.timeout;
    }

    setTimeout(milliseconds, listener) {
      this.#socket.setTimeout(milliseconds);
      if (listener) this.once('timeout', listener);
      return this;
    }

    setKeepAlive(...args) {
      this.#socket.setKeepAlive(...args);
      return this;
    }

    setNoDelay(...args) {
      this.#socket.setNoDelay(...args);
      return this;
    }

    ref() {
      this.#socket.ref();
      return this;
    }

    unref() {
      this.#socket.unref();
      return this;
    }
  }

  /** Where a tunnel must lead for a connection with these options; null if the connection is none of ours. */
  function destination(options, defaultPort, isHttp) {
    if (!isHttp || options.path || options.socket) return null;
    const host = wireName(options.host || 'localhost');
    const port = Number(options.port || defaultPort);
    if (host === null || !(port > 0 && port < 65536)) return null;
    // Whoever connects to the proxy speaks to it himself: Node's own support, other packages' agents, older axios, gRPC.
    if (host === proxy.host && port === proxy.port) return null;
    return isExcluded(exclusions, host, port) ? null : { host, port };
  }

  // An agent's createConnection calls connect before it returns.
  let isForAgent = false;
  function markConnections(agent) {
    const original = agent.createConnection === connectPlain ? (...args) => net.connect(...args) : agent.createConnection;
    agent.createConnection = function createConnection(...args) {
      const outer = isForAgent;
      isForAgent = true;
      try {
        return original.apply(this, args);
      } finally {
        isForAgent = outer;
      }
    };
  }

  // undici's plain connections have no sign of HTTP; it announces each one just before it makes it.
  let announced = null;
  function isAnnounced({ host, port }) {
    return announced !== null && announced.hostname === host && Number(announced.port || 80) === Number(port);
  }

  function connect(...args) {
    const { options, listener } = parseArguments(args);
    const target = destination(options, 80, isForAgent || belongToRequest(options) || isAnnounced(options));
    if (target === null) return connectPlain.apply(this, args);
    const tunnel = new Tunnel(target);
    if (listener) tunnel.once('connect', listener);
    if (options.timeout) tunnel.setTimeout(options.timeout);
    return tunnel;
  }

  function connectSecurely(...args) {
    const { options, listener } = parseArguments(args);
    const target = destination(options, 443, isForAgent || belongToRequest(options) || offersHttp(options));
    if (target === null) return connectTls.apply(this, args);
    // The TLS socket closes the tunnel when its reader has all; closing by itself the tunnel would cut off what is not read yet.
    const tunnel = new Tunnel(target, { autoDestroy: false });
    let socket;
    try {
      socket = connectTls.call(this, { ...options, socket: tunnel }, listener);
    } catch (error) {
      tunnel.destroy();
      throw error;
    }
    // Without these an idle connection would keep the process alive: a TLS socket on a stream has nothing of its own to unref.
    socket.ref = () => (tunnel.ref(), socket);
    socket.unref = () => (tunnel.unref(), socket);
    if (options.timeout) socket.setTimeout(options.timeout); // tls.connect does it only for connections that it makes itself
    return socket;
  }

  net.connect = connect;
  net.createConnection = connect;
  tls.connect = connectSecurely;
  markConnections(http.Agent.prototype);
  markConnections(https.Agent.prototype);
  require('diagnostics_channel').subscribe?.('undici:client:beforeConnect', ({ connectParams }) => {
    announced = connectParams.protocol === 'http:' ? connectParams : null;
  });
  require('module').syncBuiltinESMExports(); // for `import { connect } from 'node:tls'`
}

// Deno and Bun know the proxy variables, and have no use for a tunnel in the tunnel.
if (!process.versions.deno && !process.versions.bun && !globalThis[INSTALLED]) {
  try {
    const proxy = proxyOf(process.env);
    if (proxy) {
      Object.defineProperty(globalThis, INSTALLED, { value: true });
      install(proxy, exclusionsOf(process.env));
    }
  } catch {
    // The program must run all the same. What it then sends goes around the proxy, and carries no credential.
  }
}
