import superagent from 'superagent';
const { text } = await superagent.get(process.argv[2]);
console.log(text);
