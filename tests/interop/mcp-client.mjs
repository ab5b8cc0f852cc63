// The official MCP client, as any program has it: it knows an address and nothing of a credential.
//
//   node mcp-client.mjs URL [TOOL]...   prints the tools and what each of those answers, in JSON

import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';

const [url, ...calls] = process.argv.slice(2);
const client = new Client({ name: 'interop', version: '1.0.0' });
await client.connect(new StreamableHTTPClientTransport(new URL(url)));
const { tools } = await client.listTools();
const said = { tools: tools.map(({ name }) => name), answers: [] };
for (const name of calls) {
  const call = client.callTool({ name, arguments: name === 'echo' ? { words: 'hello' } : {} });
  said.answers.push(await call.then(({ content }) => content[0].text, (error) => `${error.message}`));
}
console.log(JSON.stringify(said));
await client.close();
