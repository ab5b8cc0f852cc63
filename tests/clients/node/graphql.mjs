const response = await fetch(`${process.argv[2]}/api/graphql`, {
  method: 'POST',
  headers: {
    'content-type': 'application/json',
    authorization: `Bearer ${process.env.GITLAB_ACCESS_TOKEN}`,
  },
  body: JSON.stringify({ query: '{ currentUser { username } }' }),
});
if (!response.ok) throw new Error(`status ${response.status}`);
console.log(await response.text());
