// node:https, with each of the agents that a program may give it; in what the oldest Nodes know, too.
const https = require('https');
const { URL } = require('url');
const [url, agent] = process.argv.slice(2);
const { hostname, port, pathname, search } = new URL(url);
const options = { global: {}, own: { agent: new https.Agent() }, none: { agent: false } }[agent];
https.get(Object.assign({ hostname, port, path: pathname + search }, options), (response) => {
  if (response.statusCode !== 200) throw new Error(`status ${response.statusCode}`);
  response.pipe(process.stdout);
});
