import { Octokit } from 'octokit';
const auth = process.env.GITLAB_ACCESS_TOKEN;
const octokit = new Octokit({ baseUrl: `${process.argv[2]}/api/v4`, auth });
const { data } = await octokit.request('GET /user');
console.log(JSON.stringify(data));
