import Anthropic from '@anthropic-ai/sdk';
const authToken = process.env.GITLAB_ACCESS_TOKEN;
const client = new Anthropic({ baseURL: process.argv[2], apiKey: null, authToken, maxRetries: 0 });
console.log(JSON.stringify(await client.get('/api/v4/user')));
