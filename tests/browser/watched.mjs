// Opens the page of `authsome ui` and leaves it open. Prints the process of the browser; then, for each line "begin" and the "end" after it, what the
// page's frames were like in between, and how many requests a second it has shown.
//
// node watched.mjs URL
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";

const server = await chromium.launchServer({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});
const browser = await chromium.connect(server.wsEndpoint());
const page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
await page.goto(process.argv[2]);
await page.locator("#panel-live [role=listbox], #panel-live .list").first().waitFor();
console.log(server.process().pid);

const begin = () => page.evaluate(() => {
  const told = { gaps: [], long: 0, shown: [] };
  let last = performance.now();
  const frame = (now) => { told.gaps.push(now - last); last = now; told.asked = requestAnimationFrame(frame); };
  told.asked = requestAnimationFrame(frame);
  told.observer = new PerformanceObserver((list) => { for (const one of list.getEntries()) told.long = Math.max(told.long, one.duration); });
  told.observer.observe({ type: "longtask" });
  told.clock = setInterval(() => told.shown.push(Number(document.querySelector("#panel-live .number").textContent)), 1000);
  globalThis.told = told;
});
const end = () => page.evaluate(() => {
  const { told } = globalThis;
  cancelAnimationFrame(told.asked);
  clearInterval(told.clock);
  told.observer.disconnect();
  const sorted = (list) => list.toSorted((one, other) => one - other);
  const at = (list, share) => sorted(list)[Math.floor((list.length - 1) * share)] ?? 0;
  return {
    frames: told.gaps.length, p50: at(told.gaps, 0.5), p99: at(told.gaps, 0.99), worst: at(told.gaps, 1), longest_task: told.long,
    shown: at(told.shown, 0.5), rows: document.querySelectorAll("#panel-live [role=option]").length,
  };
});
for await (const line of createInterface({ input: process.stdin })) {
  if (line === "begin") await begin();
  if (line === "end") console.log(JSON.stringify(await end()));
}
await server.close();
