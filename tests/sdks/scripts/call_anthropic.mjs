import Anthropic from "@anthropic-ai/sdk";

const client = new Anthropic();
const messages = [{ role: "user", content: `What is ${process.env.ANTHROPIC_API_KEY}?` }];
const answer = await client.messages.create({ model: "m", max_tokens: 9, messages });
console.log(answer.content[0].text);

const pieces = [];
for await (const event of await client.messages.create({ model: "m", max_tokens: 9, messages, stream: true })) {
  if (event.type !== "content_block_delta") continue;
  pieces.push(event.delta.text);
  if (pieces.length === 1) await client.models.list();
}
console.log(...pieces);
