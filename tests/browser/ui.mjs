// Goes through the page of `authsome ui` as a person does, by the keyboard alone, and looks at each view at phone and desktop width, in light and
// dark, with axe-core. Lines that begin with "> " ask the test to do something, all others are what is wrong.
//
// node ui.mjs URL DIRECTORY SERVER CLIENT_ID
//
// DOCS_IMAGES=DIRECTORY makes the pictures of the documents as well.
import { mkdirSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { chromium } from "playwright-core";

const axe = createRequire(import.meta.url)("axe-core").source;
const [url, directory, server, clientId] = process.argv.slice(2);
const images = process.env.DOCS_IMAGES;
// Longer than anything here takes on a busy machine.
const TIMEOUT = 30_000;
const found = (text) => console.log(text.replaceAll("\n", " "));
const please = (text) => console.log(`> ${text}`);
const expect = (holds, text) => holds || found(text);

async function look(page, name) {
  for (const [width, height] of [[390, 844], [1440, 900]]) {
    await page.setViewportSize({ width, height });
    for (const colorScheme of ["light", "dark"]) {
      await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
      const view = `${name}, ${width} wide, ${colorScheme}`;
      const cut = await page.evaluate(() => Math.max(...[document.documentElement, ...document.querySelectorAll("dialog[open]")].map((box) => box.scrollWidth - box.clientWidth)));
      expect(cut <= 0, `${view}: ${cut} pixels are cut off`);
      await page.evaluate(axe);
      const audit = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
      for (const violation of audit.violations) {
        found(`${view}: ${violation.id}: ${violation.nodes.map((node) => `${node.html.slice(0, 200)} ${node.failureSummary}`).join(" | ")}`);
      }
      await page.screenshot({ path: join(directory, `${name}-${width}-${colorScheme}.png`) });
    }
  }
  await page.emulateMedia({ colorScheme: null });
}

async function picture(page, name, width, height, colorScheme) {
  if (!images) return;
  await page.setViewportSize({ width, height });
  await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
  await page.evaluate(() => {
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
      const text = texts.currentNode;
      text.data = text.data.replace(/localhost:\d+/, "gitlab.acme.com").replace(/\/tmp\/\.tmp\w+/, "/home/ada");
    }
  });
  await page.screenshot({ path: join(images, `ui-${name}.png`) });
}

// Presses Tab until the element with that text or name has the focus.
async function tabTo(page, name) {
  for (let tries = 0; tries < 400; tries += 1) {
    const at = await page.evaluate(() => { const one = document.activeElement; return one.getAttribute("aria-label") ?? one.labels?.[0]?.firstChild?.textContent ?? one.textContent; });
    if (at === name) return;
    await page.keyboard.press("Tab");
  }
  throw new Error(`the keyboard does not come to ${name}`);
}
const press = async (page, name) => { await tabTo(page, name); await page.keyboard.press("Enter"); };
const view = async (page, number) => { await page.evaluate(() => document.activeElement.blur()); await page.keyboard.press(String(number)); };
const shown = (page, selector, text) => page.locator(selector, { hasText: text }).first().waitFor({ timeout: TIMEOUT });

async function connect(page, context) {
  await view(page, 5);
  await shown(page, "#panel-providers h2", "GitLab");
  await look(page, "providers");
  await tabTo(page, "Search");
  await page.keyboard.type("gitlab");
  await tabTo(page, "Server of your own (optional)");
  await page.keyboard.type(server);
  await tabTo(page, "Log in to GitLab");
  const [tab] = await Promise.all([context.waitForEvent("page", { timeout: TIMEOUT }), page.keyboard.press("Enter")]);
  await tab.waitForSelector("#client_id", { timeout: TIMEOUT });
  await tab.fill("#client_id", clientId);
  await tab.keyboard.press("Enter");
  await page.bringToFront();
  await shown(page, "#said", "is connected");
  await tab.close();
  await view(page, 3);
  await shown(page, "#panel-connections .good", "connected");
  await shown(page, "#panel-connections [data-until]", "expires in");
}

async function watch(page) {
  please("run");
  await view(page, 1);
  await shown(page, "#panel-live .card h2", "requests");
  await page.waitForFunction(() => document.querySelector("#panel-live select").options.length === 2, null, { timeout: TIMEOUT });
  for (let at = 0; at < 12; at += 1) please(`GET /api/v4/projects/${at}/issues`);
  please("GET /api/v4/user");
  please("POST /api/v4/projects/1/access_tokens");
  await shown(page, "#panel-live [role=option]", "/api/v4/user");
  // A second of it is in the picture of the last minute.
  const drawn = () => [...document.querySelectorAll("#panel-live polyline")].every((line, at) => at === 1 || / \d+,1\b/.test(line.getAttribute("points") ?? ""));
  await page.waitForFunction(drawn, null, { timeout: TIMEOUT });
  await look(page, "live");
  await picture(page, "live", 1200, 760, "light");
  await picture(page, "phone", 390, 760, "dark");
  await page.setViewportSize({ width: 1440, height: 900 });
  await tabTo(page, "Filter");
  await page.keyboard.type("/user 200");
  await page.waitForFunction(() => document.querySelectorAll("#panel-live [role=option]:not([hidden])").length === 1, null, { timeout: TIMEOUT });
  await tabTo(page, "Requests of all runs");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  await shown(page, "dialog", "header authorization"); // what was put on
  await shown(page, "dialog", "private-token"); // what was taken off
  await look(page, "request");
  await page.keyboard.press("Escape");
}

// A request is refused, and goes once, and then for the rest of the run; for later runs the exception is written.
async function lift(page) {
  const refused = async (least) => {
    please("POST /api/v4/projects/1/access_tokens");
    await page.waitForFunction((most) => Number(document.querySelector("#panel-refused [role=option]:not([hidden])")?.getAttribute("aria-setsize") ?? 0) >= most, least, { timeout: TIMEOUT });
    await tabTo(page, "Requests that were refused");
    await page.keyboard.press("Home");
    await page.keyboard.press("Enter");
    await shown(page, "dialog", "gitlab/project-access-token");
  };
  const goes = async (count) => {
    please("POST /api/v4/projects/1/access_tokens");
    await shown(page, "#panel-live .card", `${count} with a credential, `);
  };
  await view(page, 2);
  await shown(page, "#panel-refused [role=option]", "access_tokens");
  await look(page, "refused");
  await refused(2);
  await look(page, "lift");
  await press(page, "Once");
  await shown(page, "#said", "The next such request");
  await view(page, 1);
  await goes(14);
  await view(page, 2);
  await refused(3);
  await press(page, "This run");
  await shown(page, "#said", "lifted for this run");
  await view(page, 1);
  await goes(15);
  await goes(16);
  await tabTo(page, "Filter");
  for (let at = 0; at < 20; at += 1) await page.keyboard.press("Backspace");
  await tabTo(page, "Requests of all runs");
  await page.keyboard.press("Home");
  await page.keyboard.press("Enter");
  await shown(page, "dialog", "the user has lifted the rule"); // why it went
  await page.keyboard.press("Escape");
  await view(page, 2);
  await tabTo(page, "Requests that were refused");
  await page.keyboard.press("Home");
  await page.keyboard.press("Enter");
  await press(page, "Always…");
  await shown(page, "dialog pre .add", "project-access-token");
  await look(page, "exception");
  await picture(page, "exception", 760, 520, "light");
  please("nothing is lifted");
  await press(page, "Write it");
  await shown(page, "#said", "is lifted from the next run on");
  please("it is lifted");
}

// Three requests wait, one after the other: the first is refused, the second goes on, the third is spared from now on.
async function decide(page) {
  const waits = async () => {
    please("POST /api/v4/projects/2/issues");
    const card = page.locator("#attention [data-waiting]").first();
    await card.waitFor({ timeout: TIMEOUT });
    return card.getAttribute("data-waiting");
  };
  const nothing = () => page.waitForFunction(() => !document.querySelector("#attention [data-waiting]"), null, { timeout: TIMEOUT });
  await view(page, 1);
  const refused = await waits();
  await shown(page, "#attention", "/api/v4/projects/2/issues");
  await look(page, "waiting");
  await picture(page, "waiting", 900, 520, "light");
  await tabTo(page, "A reason for the program");
  await page.keyboard.type("not today");
  await press(page, `No ${refused}`);
  await shown(page, "#said", "It is refused");
  await nothing();
  await view(page, 2);
  await shown(page, "#panel-refused [role=option]", "/api/v4/projects/2/issues");
  await press(page, `Once ${await waits()}`);
  await shown(page, "#said", "It goes on");
  await nothing();
  await press(page, `Always ${await waits()}`);
  await shown(page, "dialog pre .add", "unasked_paths");
  await look(page, "always");
  await press(page, "Write it");
  await nothing();
  please("it is spared");
}

async function rest(page) {
  await view(page, 4);
  await shown(page, "#panel-history [role=option]", "/api/v4/user");
  await tabTo(page, "Host");
  await page.keyboard.type("nowhere.test");
  await page.keyboard.press("Enter");
  await shown(page, "#panel-history [role=status]", "0 found");
  await look(page, "history");
  await view(page, 6);
  await shown(page, "#panel-policy pre", "policy");
  await look(page, "policy");
  await view(page, 3);
  await look(page, "connections");
  await picture(page, "connections", 900, 420, "dark");
  const name = await page.locator("#panel-connections [data-connection]").getAttribute("data-connection");
  const [provider] = name.split("/");
  await press(page, `Renew ${name}`);
  await shown(page, "#said", "was renewed");
  please("a second connection");
  const second = `${provider}/second`;
  // It was made by another program.
  for (const until = Date.now() + TIMEOUT; !(await page.locator(`[data-connection="${second}"]`).count()); await page.waitForTimeout(200)) {
    expect(Date.now() < until, "the second connection does not come");
    await view(page, 3);
  }
  await press(page, `Make default ${second}`);
  await shown(page, "#said", `${second} is the default`);
  await shown(page, `[data-connection="${second}"] h2`, "· default");
  await look(page, "two");
  await press(page, `Revoke ${second}`);
  await shown(page, "dialog", "ends at the provider");
  await look(page, "revoke");
  await press(page, "Revoke");
  await page.waitForFunction((gone) => !document.querySelector(`[data-connection="${gone}"]`), second, { timeout: TIMEOUT });
  please("the second is revoked");
  await press(page, `Log out ${name}`);
  await shown(page, "dialog", "forgotten on this machine");
  await look(page, "logout");
  await press(page, "Log out");
  await shown(page, "#panel-connections", "Nothing is connected yet");
  please("end");
  await shown(page, "#state", "0 runs");
}

mkdirSync(directory, { recursive: true });
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});
let page;
try {
  const context = await browser.newContext({ ignoreHTTPSErrors: true });
  page = await context.newPage();
  page.setDefaultTimeout(TIMEOUT);
  page.on("console", (message) => message.type() === "error" && found(`the console: ${message.text()}`));
  page.on("pageerror", (error) => found(`a script: ${error.message}`));
  await page.goto(url);
  expect(!(await page.evaluate(() => location.href)).includes("#"), "the address still has its token");
  await page.setViewportSize({ width: 1440, height: 900 });
  await connect(page, context);
  await watch(page);
  await lift(page);
  await decide(page);
  await rest(page);
  await page.reload();
  await shown(page, "#state", "0 runs"); // the session is the tab's
  expect((await context.cookies()).filter((cookie) => cookie.domain === "127.0.0.1").length === 0, "there is a cookie");
} catch (error) {
  found(`${error.message}`);
  await page?.screenshot({ path: join(directory, "failed.png") });
} finally {
  await browser.close();
}
