const [url, name] = process.argv.slice(2);
const { default: fetch } = await import(name);
const response = await fetch(url);
if (!response.ok) throw new Error(`status ${response.status}`);
console.log(await response.text());
