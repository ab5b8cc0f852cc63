// The SDK's own request machinery, pointed at the API.
const [base, name] = process.argv.slice(2);
const { default: OpenAI } = await import(name);
const apiKey = process.env.GITLAB_ACCESS_TOKEN;
const client = new OpenAI({ baseURL: `${base}/api/v4`, apiKey, maxRetries: 0 });
console.log(JSON.stringify(await client.get('/user')));
