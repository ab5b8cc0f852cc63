const request = require('request');
request(process.argv[2], (error, response, body) => {
  if (error) throw error;
  if (response.statusCode !== 200) throw new Error(`status ${response.statusCode}`);
  console.log(body);
});
