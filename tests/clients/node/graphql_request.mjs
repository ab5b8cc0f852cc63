import { GraphQLClient } from 'graphql-request';
const headers = { authorization: `Bearer ${process.env.GITLAB_ACCESS_TOKEN}` };
const client = new GraphQLClient(`${process.argv[2]}/api/graphql`, { headers });
console.log(JSON.stringify(await client.request('{ currentUser { username } }')));
