// The version of an installed package; its own `exports` may hide package.json.
const { readFileSync } = require('node:fs');
const file = `${__dirname}/node_modules/${process.argv[2]}/package.json`;
console.log(JSON.parse(readFileSync(file, 'utf8')).version);
