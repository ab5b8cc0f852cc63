// Starts an MCP server as an assistant does, and calls one of its tools over standard input and output.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
const [server, name, input] = process.argv.slice(2);
const child = spawn(process.execPath, [server], { stdio: ['pipe', 'pipe', 'inherit'] });
const send = (message) => child.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);
const clientInfo = { name: 'clients', version: '1' };
const session = { protocolVersion: '2024-11-05', capabilities: {}, clientInfo };
send({ id: 1, method: 'initialize', params: session });
for await (const line of createInterface({ input: child.stdout })) {
  const { id, result, error } = JSON.parse(line);
  if (error || result?.isError) throw new Error(JSON.stringify(error ?? result));
  if (id === 1) {
    send({ method: 'notifications/initialized' });
    send({ id: 2, method: 'tools/call', params: { name, arguments: JSON.parse(input) } });
  }
  if (id === 2) {
    console.log(result.content[0].text);
    break;
  }
}
child.kill();
