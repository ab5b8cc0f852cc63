// The built-in fetch of Node, Deno and Bun.
const response = await fetch(process.argv[2]);
if (!response.ok) throw new Error(`status ${response.status}`);
console.log(await response.text());
