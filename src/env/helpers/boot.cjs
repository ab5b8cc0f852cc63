'use strict';

// Sends the HTTP traffic of a Node program through the proxy of the environment. Node is made to load this file by
// NODE_OPTIONS=--require, before the program and in each of its worker threads; child processes inherit it.
//
// Node's own support of the proxy variables begins with 22.21 and 24.5 and leaves out agents that the program makes itself, WebSocket
// packages, HTTP/2 and undici's own clients. All of these end in two functions, `net.connect` and `tls.connect`, which they look up when
// they connect. Those two are replaced here: a connection for HTTP becomes a tunnel (CONNECT) through the proxy, any other one (to a
// database, a mail server, a Unix socket) is left alone. undici, which takes longer to load than all that is loaded here, is not touched.
//
// Invariants: nothing is printed, nothing is thrown at start, and without a proxy in the environment nothing is loaded or changed. A file
// that Node cannot read as a program would end the user's own before it begins, and every Node since 8.0 knows NODE_OPTIONS: so the syntax
// is that of Node 8.0 (no `#private`, no `?.`, no spread of objects, no `catch` without a name), and what is newer is asked for first.

const INSTALLED = Symbol.for('authsome.bootstrap');

/** Bounds on the proxy's response to a CONNECT, and on what of its explanation gets into an error. */
const MAX_HEAD = 64 * 1024;
const MAX_BODY = 64 * 1024;
const MAX_MESSAGE = 1024;

/** The proxy that the environment names, or null. */
function readProxy(env) {
  const value = env.https_proxy || env.HTTPS_PROXY;
  if (!value) return null;
  const { URL } = require('url'); // a global since Node 10 only
  const url = new URL(value);
  if (url.protocol !== 'http:') return null;
  const credentials = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
  return {
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: Number(url.port || 80),
    authorization: credentials === ':' ? null : `Basic ${Buffer.from(credentials).toString('base64')}`,
  };
}

/** What NO_PROXY excludes: `name`, `.name` and `*.name` stand for the name and all below it, `*` for everything; each may end in a port. */
function readExclusions(env) {
  const entries = (env.no_proxy || env.NO_PROXY || '').toLowerCase().split(/[\s,]+/);
  return entries.filter(Boolean).map((entry) => {
    const isBareIpv6 = !entry.startsWith('[') && entry.split(':').length > 2;
    const [, name, port] = isBareIpv6 ? [entry, entry] : /^(.*?)(?::(\d+))?$/.exec(entry);
    return { name: name.replace(/^\[|\]$/g, '').replace(/^\*?\./, ''), port: port && Number(port) };
  });
}

function isExcluded(exclusions, host, port) {
  const name = host.toLowerCase().replace(/\.$/, '');
  return exclusions.some((exclusion) => {
    if (exclusion.port && exclusion.port !== port) return false;
    return exclusion.name === '*' || exclusion.name === name || name.endsWith(`.${exclusion.name}`);
  });
}

/** A DNS name as it may stand in a request, or null: what a program gives as `host` may hold anything, a line break included. */
function wireName(host) {
  const isName = (text) => /^[\w.-]+$/.test(text);
  if (isName(host)) return host;
  const name = /^(?:[\w.-]|[^\x00-\x7f])+$/.test(host) ? require('url').domainToASCII(host) : '';
  return isName(name) ? name : null;
}

/** The arguments of `net.connect` and `tls.connect`: (options), (port[, host][, options]) or (path[, options]), then a listener. */
function parseArguments(args) {
  const options = {};
  let listener;
  for (const argument of args) {
    if (typeof argument === 'function') listener = argument;
    else if (typeof argument === 'object') Object.assign(options, argument); // wins over what stands before it, as in Node
    else if (typeof argument === 'string' && 'port' in options) options.host = argument;
    else if (Number.isNaN(Number(argument))) options.path = argument;
    else options.port = argument;
  }
  return { options, listener };
}

/** Whether ALPN offers a version of HTTP (RFC 7301), as undici and `node:http2` always do. */
function offersHttp({ ALPNProtocols: protocols }) {
  return Array.isArray(protocols) && protocols.some((name) => ['h2', 'http/1.1'].includes(String(name)));
}

/** Whether these are an HTTP request's options, handed on as they came: by an agent's, or a request's, own `createConnection` (`ws`). */
function belongToRequest(options) {
  return options._agentKey !== undefined || typeof options.createConnection === 'function';
}

function tunnelError(message, details) {
  // The code that Node's own proxy support uses.
  return Object.assign(new Error(message), { code: 'ERR_PROXY_TUNNEL' }, details);
}

/** An error with what the proxy said: authsome gives a code in a header, and a message and a hint in a JSON body. */
function refusal(authority, [, status, reason], head, body) {
  const code = /^authsome-error: *([\w-]{1,64})\r?$/im.exec(head);
  let explanation = reason.trim();
  try {
    const { message, hint } = JSON.parse(body);
    if (typeof message === 'string') explanation = typeof hint === 'string' ? `${message}; ${hint}` : message;
  } catch (error) {
    // Another proxy's page; the status says enough.
  }
  const printable = explanation.replace(/[\x00-\x1f\x7f]+/g, ' ').slice(0, MAX_MESSAGE);
  const message = `the proxy refused a tunnel to ${authority}: ${status} ${printable}`;
  return tunnelError(message, Object.assign({ statusCode: Number(status) }, code && { reason: code[1] }));
}

/** What the proxy answered: `{ rest }`, the first bytes out of the tunnel, or `{ error }`; null as long as more must come. */
function readResponse(bytes, hasEnded, authority) {
  const end = bytes.indexOf('\r\n\r\n');
  if (end > MAX_HEAD || (end < 0 && bytes.length > MAX_HEAD)) {
    return { error: tunnelError(`the proxy's response to CONNECT ${authority} is too large`) };
  }
  if (end < 0) return hasEnded ? { error: tunnelError(`the proxy hung up on CONNECT ${authority}`) } : null;
  const head = bytes.toString('latin1', 0, end);
  const status = /^HTTP\/1\.[01] (\d{3})([^\r\n]*)/.exec(head);
  if (!status) return { error: tunnelError(`the proxy's response to CONNECT ${authority} is not HTTP`) };
  const rest = bytes.subarray(end + 4);
  if (status[1].startsWith('2')) return { rest };
  const length = /^content-length: *(\d+)\r?$/im.exec(head);
  const expected = length ? Math.min(Number(length[1]), MAX_BODY) : 0;
  if (rest.length < expected && !hasEnded) return null;
  return { error: refusal(authority, status, head, rest.toString('utf8', 0, expected)) };
}

/** Where a tunnel keeps what is nobody else's. */
const STATE = Symbol('authsome');

/** Takes more of what the proxy answers to a tunnel's CONNECT. */
function advance(tunnel, chunk, hasEnded) {
  const state = tunnel[STATE];
  state.response = Buffer.concat([state.response, chunk]);
  const response = readResponse(state.response, hasEnded, state.authority);
  if (response === null) return;
  if (response.error) {
    tunnel.destroy(response.error);
    return;
  }
  state.isOpen = true;
  state.response = null;
  if (response.rest.length > 0) tunnel.push(response.rest);
  if (state.held) state.held.proceed();
  state.held = null;
  tunnel.emit('connect');
}

/** A stream has one write, or its end, under way at a time; so one is all there is to hold. */
function whenOpen(tunnel, callback, proceed) {
  if (tunnel[STATE].isOpen) proceed();
  else tunnel[STATE].held = { callback, proceed };
}

/** The class of the connections through `proxy`, which `connect` reaches. */
function defineTunnel(proxy, connect) {
  const { Duplex } = require('stream');

  /**
   * A connection to `authority` through the proxy. It can be used at once: what is written waits for the tunnel, and 'connect' tells that
   * it is there. It does not call itself `connecting`: a request's timeout would not run yet, and `got` would wait for a DNS lookup.
   */
  return class Tunnel extends Duplex {
    constructor(authority, options) {
      super(Object.assign({ allowHalfOpen: false }, options));
      const socket = connect({ host: proxy.host, port: proxy.port, allowHalfOpen: true, noDelay: true });
      const state = { socket, authority, response: Buffer.alloc(0), isOpen: false, held: null };
      Object.defineProperty(this, STATE, { value: state });
      socket.setNoDelay(true); // before Node 16.17 it is no option
      const authorization = proxy.authorization ? `Proxy-Authorization: ${proxy.authorization}\r\n` : '';
      socket.write(`CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n${authorization}\r\n`);
      socket.on('data', (chunk) => {
        if (!state.isOpen) advance(this, chunk, false);
        else if (!this.push(chunk)) socket.pause();
      });
      socket.on('end', () => {
        if (!state.isOpen) advance(this, Buffer.alloc(0), true);
        else this.push(null);
      });
      socket.on('error', (error) => this.destroy(error));
      socket.on('timeout', () => this.emit('timeout'));
    }

    _read() {
      this[STATE].socket.resume();
    }

    _write(chunk, encoding, callback) {
      whenOpen(this, callback, () => this[STATE].socket.write(chunk, encoding, callback));
    }

    _writev(chunks, callback) {
      this._write(Buffer.concat(chunks.map(({ chunk }) => chunk)), null, callback);
    }

    _final(callback) {
      whenOpen(this, callback, () => this[STATE].socket.end(callback));
    }

    _destroy(error, callback) {
      const { socket, held, authority } = this[STATE];
      socket.destroy();
      if (held) held.callback(error || tunnelError(`closed before the tunnel to ${authority} was open`));
      callback(error);
    }

    // What else an HTTP client does with a socket.

    destroySoon() {
      if (this.writable) this.end();
      if (this._writableState.finished) this.destroy();
      else this.once('finish', () => this.destroy());
    }

    get timeout() {
      return this[STATE].socket.timeout;
    }

    setTimeout(milliseconds, listener) {
      this[STATE].socket.setTimeout(milliseconds);
      if (listener) this.once('timeout', listener);
      return this;
    }

    setKeepAlive(...args) {
      this[STATE].socket.setKeepAlive(...args);
      return this;
    }

    setNoDelay(...args) {
      this[STATE].socket.setNoDelay(...args);
      return this;
    }

    ref() {
      this[STATE].socket.ref();
      return this;
    }

    unref() {
      this[STATE].socket.unref();
      return this;
    }
  };
}

/** Replaces what programs connect with. */
function install(proxy, exclusions) {
  const net = require('net');
  const tls = require('tls');
  const plainly = net.connect;
  const securely = tls.connect;
  const Tunnel = defineTunnel(proxy, plainly);

  /** The `host:port` to which a tunnel must lead in place of a connection with these options; null if it is none of ours. */
  function authorityOf(options, defaultPort) {
    if (options.path || options.socket) return null;
    const name = String(options.host || 'localhost');
    const host = net.isIPv6(name) ? name : wireName(name);
    const port = Number(options.port || defaultPort);
    if (host === null || !(port > 0 && port < 65536)) return null;
    // Whoever connects to the proxy speaks to it himself: Node's own support, agents of other packages, older axios, gRPC.
    if (host === proxy.host && port === proxy.port) return null;
    if (isExcluded(exclusions, host, port)) return null;
    return `${net.isIPv6(host) ? `[${host}]` : host}:${port}`;
  }

  let isForAgent = false; // while an agent's createConnection runs: it connects before it returns
  let announced = null; // undici's next connection: a plain one has no sign of HTTP, nor has TLS before undici 5.23, in Debian's Node 18

  /** Whether undici has said that this is its connection. */
  function isAnnounced(options, protocol, defaultPort) {
    if (!announced || announced.protocol !== protocol || announced.hostname !== options.host) return false;
    return Number(announced.port || defaultPort) === Number(options.port);
  }

  function connect(...args) {
    const { options, listener } = parseArguments(args);
    const isHttp = isForAgent || isAnnounced(options, 'http:', 80) || belongToRequest(options);
    const authority = isHttp ? authorityOf(options, 80) : null;
    if (authority === null) return plainly.apply(this, args);
    const tunnel = new Tunnel(authority);
    if (listener) tunnel.once('connect', listener);
    if (options.timeout) tunnel.setTimeout(options.timeout);
    return tunnel;
  }

  function connectTls(...args) {
    const { options, listener } = parseArguments(args);
    const isHttp = isForAgent || offersHttp(options) || isAnnounced(options, 'https:', 443) || belongToRequest(options);
    const authority = isHttp ? authorityOf(options, 443) : null;
    if (authority === null) return securely.apply(this, args);
    // The end is for the TLS socket to make, when its reader has all: a tunnel that closes by itself would cut off what is not read yet.
    const tunnel = new Tunnel(authority, { autoDestroy: false });
    let socket;
    try {
      socket = securely.call(this, Object.assign({}, options, { socket: tunnel }), listener);
    } catch (error) {
      tunnel.destroy();
      throw error;
    }
    tunnel.allowHalfOpen = true; // only now: the TLS socket has taken the value over
    // A TLS socket on top of a stream has nothing of its own to unref, and idle connections would keep the process alive.
    for (const method of ['ref', 'unref']) {
      socket[method] = () => {
        tunnel[method]();
        return socket;
      };
    }
    if (options.timeout) socket.setTimeout(options.timeout); // tls.connect does so only where it makes the connection itself
    return socket;
  }

  net.connect = connect;
  net.createConnection = connect;
  tls.connect = connectTls;
  for (const { prototype } of [require('http').Agent, require('https').Agent]) {
    // Before Node 22, what was loaded ahead of this file has the function itself.
    const original = prototype.createConnection === plainly ? connect : prototype.createConnection;
    prototype.createConnection = function createConnection(...args) {
      isForAgent = true;
      try {
        return original.apply(this, args);
      } finally {
        isForAgent = false;
      }
    };
  }
  const subscribe = channelSubscriber();
  subscribe('undici:client:beforeConnect', ({ connectParams }) => {
    announced = connectParams;
  });
  // An HTTP/2 response emits 'response' in the next tick, but its body may stand in the same bytes, and what a stream delivers is all
  // emitted in this tick: 'data' would come first. (Before Node 22.17, which has no such channel, it does.)
  subscribe('http2.client.stream.finish', ({ stream }) => {
    if (!stream.readableFlowing) return;
    stream.pause();
    process.nextTick(() => stream.resume());
  });
  const { syncBuiltinESMExports } = require('module');
  if (syncBuiltinESMExports) syncBuiltinESMExports(); // for `import { connect } from 'node:tls'`
}

/** Node's function that listens to what its modules report; where there is none, they report nothing. */
function channelSubscriber() {
  try {
    return require('diagnostics_channel').subscribe || (() => {});
  } catch (error) {
    return () => {};
  }
}

// Deno and Bun know the proxy variables themselves, but for `node:https` only with Node's switch, which they read at the first request.

function completeDeno() {
  // Without the permission Deno would stop and ask the user for it.
  const permission = { name: 'env', variable: 'NODE_USE_ENV_PROXY' };
  if (globalThis.Deno.permissions.querySync(permission).state === 'granted') process.env.NODE_USE_ENV_PROXY = '1';
}

function completeBun(env, exclusions) {
  env.NODE_USE_ENV_PROXY = '1';
  // Its WebSocket takes the proxy as an option and looks at no variable.
  const proxy = env.https_proxy || env.HTTPS_PROXY;
  globalThis.WebSocket = class WebSocket extends globalThis.WebSocket {
    constructor(url, options) {
      const given = typeof options === 'string' || Array.isArray(options) ? { protocols: options } : options;
      const target = URL.parse(url) || { hostname: '' };
      const host = target.hostname.replace(/^\[|\]$/g, '');
      const port = Number(target.port || (target.protocol === 'ws:' ? 80 : 443));
      super(url, host && !isExcluded(exclusions, host, port) ? Object.assign({ proxy }, given) : given);
    }
  };
}

/** Does what the runtime at hand needs. */
function start(env) {
  const everybody = typeof globalThis === 'undefined' ? global : globalThis; // the former before Node 12
  if (everybody[INSTALLED]) return undefined;
  if (process.versions.deno) return completeDeno();
  const proxy = readProxy(env);
  if (!proxy) return undefined;
  Object.defineProperty(everybody, INSTALLED, { value: true });
  const exclusions = readExclusions(env);
  return process.versions.bun ? completeBun(env, exclusions) : install(proxy, exclusions);
}

try {
  start(process.env);
} catch (error) {
  // The program must run all the same.
}
