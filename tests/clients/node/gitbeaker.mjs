import { Gitlab } from '@gitbeaker/rest';
const gitlab = new Gitlab({ host: process.argv[2], token: process.env.GITLAB_ACCESS_TOKEN });
console.log(JSON.stringify(await gitlab.Users.showCurrentUser()));
