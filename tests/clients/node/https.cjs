// node:https, with each of the agents that a program may give it; the prefix is not known to the oldest Nodes.
const https = require('https');
const [url, agent] = process.argv.slice(2);
const options = { global: {}, own: { agent: new https.Agent() }, none: { agent: false } }[agent];
https.get(url, options, (response) => {
  if (response.statusCode !== 200) throw new Error(`status ${response.statusCode}`);
  response.pipe(process.stdout);
});
