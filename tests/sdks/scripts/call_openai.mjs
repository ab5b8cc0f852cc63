import OpenAI from "openai";

const client = new OpenAI();
const messages = [{ role: "user", content: `What is ${process.env.OPENAI_API_KEY}?` }];
const answer = await client.chat.completions.create({ model: "m", messages });
console.log(answer.choices[0].message.content);

const pieces = [];
for await (const chunk of await client.chat.completions.create({ model: "m", messages, stream: true })) {
  pieces.push(chunk.choices[0].delta.content);
  if (pieces.length === 1) await client.models.list();
}
console.log(...pieces);
