// A named import is bound before a program could look at the module again.
import { get } from 'node:https';
get(process.argv[2], (response) => {
  if (response.statusCode !== 200) throw new Error(`status ${response.statusCode}`);
  response.pipe(process.stdout);
});
