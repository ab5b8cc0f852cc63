// A protocol of its own over TLS; that it looks like HTTP is only for the server's sake.
const tls = require('node:tls');
const [host, port] = process.argv.slice(2);
const socket = tls.connect({ host, port, servername: host }, () => {
  socket.write(`GET /api/v4/user HTTP/1.1\r\nHost: ${host}:${port}\r\nConnection: close\r\n\r\n`);
});
socket.pipe(process.stdout);
