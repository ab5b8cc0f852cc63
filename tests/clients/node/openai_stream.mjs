// A completion that comes word by word, as server-sent events.
const [base, name] = process.argv.slice(2);
const { default: OpenAI } = await import(name);
const apiKey = process.env.GITLAB_ACCESS_TOKEN;
const client = new OpenAI({ baseURL: `${base}/api/v4/v1`, apiKey, maxRetries: 0 });
const messages = [{ role: 'user', content: 'Who is there?' }];
const question = { model: 'any', messages, stream: true };
for await (const { choices } of await client.chat.completions.create(question)) {
  process.stdout.write(choices[0].delta.content ?? '\n');
}
