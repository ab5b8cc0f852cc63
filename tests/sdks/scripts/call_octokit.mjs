import { Octokit } from "octokit";

const octokit = new Octokit({ auth: process.env.GITHUB_TOKEN });
console.log((await octokit.rest.users.getAuthenticated()).data.login);
console.log((await octokit.graphql("{ viewer { login } }")).viewer.login);
