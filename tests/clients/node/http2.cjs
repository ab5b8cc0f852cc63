const http2 = require('node:http2');
const url = new URL(process.argv[2]);
const session = http2.connect(url.origin);
const request = session.request({ ':path': url.pathname });
request.on('response', (headers) => {
  if (headers[':status'] !== 200) throw new Error(`status ${headers[':status']}`);
});
request.on('end', () => session.close()).pipe(process.stdout);
