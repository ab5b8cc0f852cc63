// Node's own HTTP/2 server, with HTTP/1.1 beside it, in front of GitLab.
"use strict";

const fs = require("fs");
const http2 = require("http2");
const https = require("https");

const [port, gitlab, chain, key] = process.argv.slice(2);
const agent = new https.Agent({ keepAlive: true, rejectUnauthorized: false });
const ofConnection = new Set(["connection", "keep-alive", "transfer-encoding", "upgrade", "host"]);

function passed(headers) {
  const names = Object.keys(headers).filter((name) => !name.startsWith(":") && !ofConnection.has(name));
  return Object.fromEntries(names.map((name) => [name, headers[name]]));
}

const server = http2.createSecureServer({ allowHTTP1: true, cert: fs.readFileSync(chain), key: fs.readFileSync(key) });
server.on("request", (request, response) => {
  const refused = { "/api/v4/denied": 403, "/api/v4/limited": 413 }[request.url];
  if (refused) {
    response.writeHead(refused, { "content-type": "text/plain" });
    return response.end("refused\n");
  }
  const headers = passed(request.headers);
  headers.host = request.headers[":authority"] || request.headers.host;
  const options = { agent, headers, host: "127.0.0.1", method: request.method, path: request.url, port: gitlab };
  const upstream = https.request(options, (answer) => {
    response.writeHead(answer.statusCode, passed(answer.headers));
    answer.pipe(response);
  });
  upstream.on("error", (error) => {
    if (!response.headersSent) response.writeHead(502);
    response.end(String(error));
  });
  request.pipe(upstream);
});
server.listen(Number(port), "127.0.0.1");
