import ky from 'ky';
console.log(await ky(process.argv[2], { retry: 0 }).text());
