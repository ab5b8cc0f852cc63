// Goes through a login as a person does: opens the page, types the application's ID, and waits for the
// page that says how it ended. Prints what that says.
//
// node connect.mjs URL CLIENT_ID
import { chromium } from "playwright-core";

const [url, clientId] = process.argv.slice(2);
// Longer than any page here takes on a busy machine.
const TIMEOUT = 30_000;

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});
try {
  const context = await browser.newContext({ ignoreHTTPSErrors: true });
  const page = await context.newPage();
  await page.goto(url, { timeout: TIMEOUT });
  await page.fill("#client_id", clientId, { timeout: TIMEOUT });
  // Of an older version, too, which ended at another path.
  const isResult = ({ host, pathname }) => host === new URL(url).host && pathname !== "/";
  await Promise.all([page.waitForURL(isResult, { timeout: TIMEOUT }), page.keyboard.press("Enter")]);
  console.log(await page.innerText("body", { timeout: TIMEOUT }));
} finally {
  await browser.close();
}
