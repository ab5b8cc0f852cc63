const fs = require('fs'), http = require('http'), http2 = require('http2'), tls = require('tls');
const target = process.argv[2];
const proxy = new URL(process.env.HTTPS_PROXY);
const say = value => fs.writeSync(1, JSON.stringify(value) + '\n');
setTimeout(() => { console.error('too slow'); process.exit(1); }, 60000).unref();
function open(authority, then) {
    const password = Buffer.from(`${proxy.username}:${proxy.password}`).toString('base64');
    const headers = {'Proxy-Authorization': `Basic ${password}`};
    http.request({host: proxy.hostname, port: proxy.port, method: 'CONNECT', path: authority, headers})
        .on('connect', (response, socket) => {
            const ca = fs.readFileSync(process.env.SSL_CERT_FILE);
            const secured = tls.connect({socket, servername: 'localhost', ALPNProtocols: ['h2'], ca}, () => {
                const session = http2.connect(`https://${authority}`, {createConnection: () => secured});
                session.on('remoteSettings', () => then(session));
            });
        })
        .end();
}
