// axios by its own adapter, or by the one named.
const [url, name, adapter] = process.argv.slice(2);
const { default: axios } = await import(name);
const { data } = await axios.get(url, adapter ? { adapter } : {});
console.log(JSON.stringify(data));
