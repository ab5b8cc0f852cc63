// What semantic-release's GitLab plugin asks before a release, with the token and the URL where it looks for them.
import { verifyConditions } from '@semantic-release/gitlab';
const { env } = process;
// The server knows the project by its number.
const options = { repositoryUrl: `${process.argv[2]}/1.git` };
const log = (...words) => console.log(...words);
await verifyConditions({}, { cwd: process.cwd(), env, options, logger: { log, error: log } });
console.log('conditions verified');
