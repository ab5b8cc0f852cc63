// Sites of an attacker in the browser that has the page of `authsome ui` open: one at another port of this host, one by another name, and one whose
// name leads to 127.0.0.1 by now (DNS rebinding). Each attempt is printed, with "> " before its name, and what one has got is printed without.
//
// node attacker.mjs URL LOGOUT
import { createServer } from "node:http";
import { chromium } from "playwright-core";

const [url, logout] = process.argv.slice(2);
const ui = new URL(url).origin;
const server = createServer((request, response) => response.setHeader("content-type", "text/html").end("<!doctype html><title>evil</title><body>"));
await new Promise((resolve) => { server.listen(0, "127.0.0.1", resolve); });
const port = server.address().port;

// All of them run in the attacker's page, and come to what they have got, or to nothing.
const attempts = {
  "read the events": ({ ui: at }) => fetch(`${at}/events`).then((response) => response.status),
  "read the page": ({ ui: at }) => fetch(at).then((response) => response.text()),
  "ask with a session": ({ ui: at, logout: body }) => fetch(`${at}/do`, { method: "POST", headers: { authorization: "Bearer x", "content-type": "application/json" }, body }).then((response) => response.json()),
  "ask without CORS": ({ ui: at, logout: body }) => fetch(`${at}/do`, { method: "POST", mode: "no-cors", headers: { "content-type": "text/plain" }, body }).then((response) => response.type !== "opaque" && response.type),
  "take the token's session": ({ ui: at }) => fetch(`${at}/session`, { method: "POST", headers: { "content-type": "application/json" }, body: '{"token":"x"}' }).then((response) => response.json()),
  "ask by XMLHttpRequest with cookies": ({ ui: at, logout: body }) => new Promise((resolve) => {
    const request = new XMLHttpRequest();
    request.open("POST", `${at}/do`);
    request.withCredentials = true;
    request.onload = () => resolve(request.responseText);
    request.onerror = () => resolve();
    request.send(body);
  }),
  "ask by a beacon": async ({ ui: at, logout: body }) => { navigator.sendBeacon(`${at}/do`, body); },
  "ask by a form": ({ ui: at, logout: body }) => new Promise((resolve) => {
    const frame = Object.assign(document.createElement("iframe"), { name: "target" });
    const form = Object.assign(document.createElement("form"), { method: "post", action: `${at}/do`, enctype: "text/plain", target: "target" });
    form.append(Object.assign(document.createElement("input"), { name: body.slice(0, -1), value: "}" }));
    document.body.append(frame, form);
    form.submit();
    frame.onload = () => { try { resolve(frame.contentDocument?.body.textContent); } catch { resolve(); } };
  }),
  "frame the page": ({ ui: at }) => new Promise((resolve) => {
    const frame = Object.assign(document.createElement("iframe"), { src: at });
    frame.onload = () => { try { resolve(frame.contentDocument?.title); } catch { resolve(); } };
    document.body.append(frame);
  }),
  "open the page and look into it": async ({ ui: at }) => {
    const opened = window.open(at);
    await new Promise((resolve) => { setTimeout(resolve, 1000); });
    try { return opened.document.title || opened.sessionStorage.length || undefined; } catch { return opened.closed ? undefined : opened.frames.length || undefined; }
  },
  "run it as a script": ({ ui: at }) => new Promise((resolve) => {
    const script = Object.assign(document.createElement("script"), { src: `${at}/events`, onload: () => resolve("loaded"), onerror: () => resolve() });
    document.head.append(script);
  }),
  "use it as a style": ({ ui: at }) => new Promise((resolve) => {
    const style = Object.assign(document.createElement("link"), { rel: "stylesheet", href: at, onload: () => resolve("loaded"), onerror: () => resolve() });
    document.head.append(style);
  }),
  "listen to it as an event source": ({ ui: at }) => new Promise((resolve) => {
    const source = new EventSource(`${at}/events`);
    source.onopen = () => resolve("open");
    source.onerror = () => { source.close(); resolve(); };
  }),
  "open a WebSocket": ({ ui: at }) => new Promise((resolve) => {
    const socket = new WebSocket(`${at.replace("http", "ws")}/events`);
    socket.onopen = () => resolve("open");
    socket.onerror = () => resolve();
  }),
  "find a cookie or what it has stored": async () => document.cookie.replace("session=x", "") || Object.keys(localStorage).join() || Object.keys(sessionStorage).join(),
  "plant a cookie": async ({ ui: at, logout: body }) => {
    document.cookie = "session=x; path=/";
    return fetch(`${at}/do`, { method: "POST", credentials: "include", headers: { "content-type": "text/plain" }, body }).then((response) => response.json());
  },
};

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: [
    "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--host-resolver-rules=MAP evil.test 127.0.0.1",
  ],
});
try {
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(url);
  await page.locator("#state", { hasText: "0 runs" }).waitFor();
  const rebound = `http://evil.test:${new URL(ui).port}`;
  // What the name led to before.
  await context.route(`${rebound}/evil`, (route) => route.fulfill({ contentType: "text/html", body: "<!doctype html><title>evil</title><body>" }));
  for (const [site, at] of [[`http://127.0.0.1:${port}/`, ui], [`http://evil.test:${port}/`, ui], [`${rebound}/evil`, rebound]]) {
    for (const [name, attempt] of Object.entries(attempts)) {
      const evil = await context.newPage();
      await evil.goto(site);
      console.log(`> ${name}, from ${new URL(site).host === new URL(at).host ? "a rebound name" : new URL(site).hostname}`);
      const late = new Promise((resolve) => { setTimeout(resolve, 10_000, "no end"); });
      const got = await Promise.race([evil.evaluate(attempt, { ui: at, logout }).catch(() => undefined), late]);
      // What authsome answers to whoever asks is no success: that it is refused.
      const text = typeof got === "object" ? JSON.stringify(got) : String(got ?? "");
      if (text && text !== "false" && !/^421$|misdirected|cross_site|no_session/.test(text)) console.log(`${name}, from ${site}: ${text.slice(0, 200)}`);
      await evil.close();
    }
  }
  // The user's own tab goes on.
  await page.keyboard.press("3");
  await page.locator("#panel-connections .good", { hasText: "connected" }).waitFor();
} catch (error) {
  console.log(error.message);
} finally {
  await browser.close();
  server.close();
}
