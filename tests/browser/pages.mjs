// Walks through a login's pages in Chromium, by the keyboard alone, and looks at each of them in every width and color scheme.
// Prints what is wrong with them, one finding a line; the screenshots are for people.
//
// node pages.mjs denied|connected DIRECTORY CLIENT_ID CLIENT_SECRET
// node pages.mjs key DIRECTORY WRONG_KEY KEY
//
// DOCS_IMAGES=DIRECTORY makes the pictures of the documents as well.
import { mkdirSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { chromium } from "playwright-core";

const axe = createRequire(import.meta.url)("axe-core").source;
const [ending, directory, clientId, clientSecret] = process.argv.slice(2);
const images = process.env.DOCS_IMAGES;
const FORM = "http://127.0.0.1:7998/";
// Longer than any page here takes on a busy machine.
const TIMEOUT = 30_000;
// A window of 1280 at a zoom of 200 % is 640 wide for what is in it.
const WIDTHS = [320, 390, 640, 1280];
const SCHEMES = ["light", "dark"];

function found(text) {
  console.log(text);
}

function expect(holds, text) {
  if (!holds) found(text);
}

// What is measured in the page itself.
function measure() {
  const channels = (color) => color.match(/[\d.]+/g).map(Number);
  const isClear = (color) => channels(color)[3] === 0;
  const luminance = (color) => {
    const [red, green, blue] = channels(color).slice(0, 3).map((value) => value / 255)
      .map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4));
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const contrast = (one, other) => {
    const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b);
    return (high + 0.05) / (low + 0.05);
  };
  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const color = getComputedStyle(at).backgroundColor;
      if (!isClear(color)) return color;
    }
    return "rgb(255, 255, 255)";
  };
  const problems = [];
  const root = document.documentElement;
  if (root.scrollWidth > root.clientWidth) problems.push(`${root.scrollWidth - root.clientWidth} pixels are cut off`);
  for (const element of document.querySelectorAll("input:not([type=hidden]), button")) {
    if (!element.checkVisibility()) continue;
    const style = getComputedStyle(element);
    const outside = ground(element.parentElement);
    const edge = isClear(style.borderTopColor) ? style.backgroundColor : style.borderTopColor;
    const ratio = contrast(edge, outside);
    if (ratio < 3) problems.push(`the edge of ${element.id || element.textContent} has a contrast of ${ratio.toFixed(2)}`);
    if (element.getBoundingClientRect().height < 24) problems.push(`${element.id || element.textContent} is too small to hit`);
  }
  for (const element of document.querySelectorAll("p, code, a, dd, h1, button, summary, label")) {
    if (element.checkVisibility() && element.scrollWidth > element.clientWidth + 1 && getComputedStyle(element).display !== "inline") {
      problems.push(`text is cut off: ${element.textContent.slice(0, 40)}`);
    }
  }
  return problems;
}

async function look(page, name) {
  for (const width of WIDTHS) {
    await page.setViewportSize({ width, height: 800 });
    for (const colorScheme of SCHEMES) {
      await page.emulateMedia({ colorScheme });
      const view = `${name}, ${width} wide, ${colorScheme}`;
      const laidOut = await page.evaluate(() => innerWidth);
      expect(laidOut === width, `${view}: it is ${laidOut} wide`);
      for (const problem of await page.evaluate(measure)) found(`${view}: ${problem}`);
      await page.evaluate(axe);
      const audit = await page.evaluate(() => axe.run(document, { resultTypes: ["violations"] }));
      for (const violation of audit.violations) {
        found(`${view}: ${violation.id}: ${violation.nodes.map((node) => node.html).join(" ")}`);
      }
      await page.screenshot({ path: join(directory, `${name}-${width}-${colorScheme}.png`), fullPage: true });
    }
  }
  if (images) await picture(page, name);
}

// The pages as the documents show them, at a server with a name that is not the test's.
const DOCUMENTED = { form: SCHEMES, again: ["light"], result: ["light"], denied: ["light"] };

async function picture(page, name) {
  await page.setViewportSize({ width: 720, height: 400 });
  await page.evaluate(() => {
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
      texts.currentNode.data = texts.currentNode.data.replace(/localhost:\d+/, "gitlab.acme.com");
    }
  });
  // The test's is another one each time, and a picture is to change with its page alone.
  const field = page.locator("#client_id");
  const id = (await field.count()) > 0 ? await field.inputValue() : "";
  const show = (value) => id && field.evaluate((input, shown) => { input.value = shown; }, value);
  await show("4f1c27ad9e6b08d35f1c27ad9e6b08d35f1c27ad");
  for (const colorScheme of DOCUMENTED[name] ?? []) {
    await page.emulateMedia({ colorScheme });
    const file = DOCUMENTED[name].length > 1 ? `${name}-${colorScheme}.png` : `${name}.png`;
    await page.screenshot({ path: join(images, file), fullPage: true });
  }
  await show(id);
}

const focused = (page) =>
  page.evaluate(() => {
    const at = document.activeElement;
    return at.id || at.dataset.copies || at.tagName.toLowerCase();
  });

// Presses Tab until the element with that id has the focus; returns what had it on the way.
async function tabTo(page, id) {
  const way = [];
  for (let at = await focused(page); at !== id && way.length < 20; at = await focused(page)) {
    way.push(at);
    await page.keyboard.press("Tab");
  }
  return way;
}

async function fill(page, id, text) {
  await tabTo(page, id);
  await page.keyboard.type(text);
}

async function submit(page, target) {
  await Promise.all([page.waitForURL(target, { timeout: TIMEOUT }), page.keyboard.press("Enter")]);
  await page.waitForLoadState("load", { timeout: TIMEOUT });
}

async function toForm(page) {
  await page.goto(FORM, { timeout: TIMEOUT });
  await look(page, "form");
  const way = await tabTo(page, "client_id");
  expect(way.join(" ") === "body a application_name redirect", `the focus goes ${way.join(" ")}`);
}

async function connected(page) {
  await toForm(page);
  await page.keyboard.type(clientId);
  await submit(page, FORM);
  // The application is confidential: its ID alone is refused.
  await page.getByRole("alert").waitFor({ timeout: TIMEOUT });
  expect((await focused(page)) === "client_secret", "the field that is wrong has no focus");
  expect((await page.inputValue("#client_id")) === clientId, "the ID is lost");
  await look(page, "again");
  await fill(page, "client_secret", clientSecret);
  await submit(page, "**/done");
  await look(page, "result");
}

async function denied(page) {
  await toForm(page);
  await page.keyboard.type(clientId);
  await submit(page, "**/done");
  await look(page, "denied");
}

// The form for a key with a user's name; the first key is refused.
async function key(page) {
  const [wrong, right] = [clientId, clientSecret];
  await page.goto(FORM, { timeout: TIMEOUT });
  await look(page, "key");
  expect((await focused(page)) === "key-api_key", "the key has no focus");
  await page.keyboard.type(wrong);
  await fill(page, "key-user", "ada");
  await submit(page, FORM);
  await page.getByRole("alert").waitFor({ timeout: TIMEOUT });
  expect((await page.inputValue("#key-user")) === "ada", "the user's name is lost");
  expect((await page.inputValue("#key-api_key")) === "", "the page has the key");
  await look(page, "key-again");
  await page.keyboard.type(right);
  await submit(page, "**/done");
  await look(page, "key-result");
}

mkdirSync(directory, { recursive: true });
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});
try {
  const context = await browser.newContext({ ignoreHTTPSErrors: true });
  const page = await context.newPage();
  // A policy that is broken, or an error in a script. The page of a refusal has a status of its own.
  const isStatus = (message) => message.text().startsWith("Failed to load resource");
  page.on("console", (message) => message.type() === "error" && !isStatus(message) && found(`the console: ${message.text()}`));
  page.on("pageerror", (error) => found(`a script: ${error.message}`));
  await { connected, denied, key }[ending](page);
  const address = await page.evaluate(() => location.href);
  expect(!/[?&](code|state|error)=/.test(address), `the address still has what was sent: ${address}`);
} catch (error) {
  found(`${ending}: ${error.message}`);
} finally {
  await browser.close();
}
