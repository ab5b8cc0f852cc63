// undici's request() by its default dispatcher, or by one that the program makes.
const [url, name, dispatcher] = process.argv.slice(2);
const undici = await import(name);
const options = dispatcher ? { dispatcher: new undici[dispatcher]() } : {};
const { statusCode, body } = await undici.request(url, options);
if (statusCode !== 200) throw new Error(`status ${statusCode}`);
console.log(await body.text());
