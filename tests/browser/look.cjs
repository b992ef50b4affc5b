"use strict";
// Opens pages of `optcli report` in Chromium and prints what it finds as JSON.
// node look.cjs CHROMIUM FOLDER PAGE.html ...; pictures go to FOLDER.
const fs = require("fs");
const path = require("path");
const { chromium } = require("playwright-core");

const AXE = fs.readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
const [executablePath, folder, ...files] = process.argv.slice(2);
const args = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
  "--disable-background-networking", "--disable-component-update", "--disable-sync",
];
const VIEWS = {
  light: { viewport: { width: 1100, height: 900 }, colorScheme: "light" },
  dark: { viewport: { width: 1100, height: 900 }, colorScheme: "dark" },
  phone: { viewport: { width: 390, height: 844 }, colorScheme: "light", hasTouch: true },
};

async function opened(browser, file, view) {
  const context = await browser.newContext({ ...VIEWS[view], offline: true });
  const page = await context.newPage();
  const said = [], asked = [];
  page.on("console", (message) => said.push(message.text()));
  page.on("pageerror", (error) => said.push(String(error)));
  page.on("dialog", (dialog) => { said.push(`dialog: ${dialog.message()}`); dialog.dismiss(); });
  page.on("request", (request) => asked.push(request.url()));
  await page.goto(`file://${file}`);
  return { context, page, said, asked };
}

async function looked(browser, file, view) {
  const { context, page, said, asked } = await opened(browser, file, view);
  const found = await page.evaluate(() => ({
    drawn: Number(document.documentElement.dataset.drawn),
    width: document.documentElement.scrollWidth,
    room: innerWidth,
    paper: getComputedStyle(document.body).backgroundColor,
    boards: document.querySelectorAll(".board > svg").length,
    curves: document.querySelectorAll(".board .curve").length,
    text: document.body.innerText,
    texts: [...document.querySelectorAll(".legend bdi")].map((each) => each.textContent),
  }));
  await page.evaluate(AXE);
  const { violations, passes } = await page.evaluate(() => window.axe.run());
  found.violations = violations.map((each) => `${each.id}: ${each.nodes[0].html}`);
  found.passes = passes.length;
  await page.screenshot({ path: path.join(folder, `${path.basename(file, ".html")}-${view}.png`), fullPage: true });
  await context.close();
  return { ...found, said, asked };
}

// Points, presses keys and buttons on the first chart.
async function used(browser, file) {
  const { context, page, said } = await opened(browser, file, "light");
  const chart = page.locator(".chart").first(), board = chart.locator(".board");
  const found = {};
  const tip = () => chart.locator(".tip").evaluate((tip) => getComputedStyle(tip).visibility === "visible" ? tip.innerText : "");
  const curves = () => board.locator(".curve").count();
  const axes = () => board.locator("svg text").allTextContents();
  await board.scrollIntoViewIfNeeded();
  const box = await board.boundingBox();
  await page.mouse.move(box.x + box.width - 15, box.y + box.height / 2);
  found.pointed = await tip();
  await page.mouse.move(box.x, box.y - 30);
  found.left = await tip();
  let tabs = 0;
  do { await page.keyboard.press("Tab"); tabs += 1; }
  while (tabs < 60 && !(await board.evaluate((each) => each === document.activeElement)));
  found.tabs = tabs;
  found.outline = await board.evaluate((each) => getComputedStyle(each).outlineStyle);
  await page.keyboard.press("Home");
  found.home = await board.getAttribute("aria-valuetext");
  await page.keyboard.press("ArrowRight");
  found.right = await board.getAttribute("aria-valuetext");
  await page.keyboard.press("End");
  found.end = await board.getAttribute("aria-valuetext");
  found.shown = await tip();
  await page.screenshot({ path: path.join(folder, `${path.basename(file, ".html")}-keys.png`) });
  await page.keyboard.press("Escape");
  found.escaped = await tip();
  found.curves = await curves();
  const buttons = chart.locator(".legend button");
  found.buttons = await buttons.count();
  if (found.buttons) {
    await buttons.first().focus();
    await page.keyboard.press("Space");
    found.without = [await curves(), await buttons.first().getAttribute("aria-pressed")];
    await page.keyboard.press("Space");
    await buttons.first().click({ modifiers: ["Shift"] });
    found.alone = await curves();
    await buttons.first().click({ modifiers: ["Shift"] });
    found.together = await curves();
  }
  const log = chart.getByRole("button", { name: "log y" });
  if (await log.count()) {
    found.before = [await log.getAttribute("aria-pressed"), await axes()];
    await log.click();
    found.after = [await log.getAttribute("aria-pressed"), await axes()];
  }
  const against = chart.getByLabel("against");
  if (await against.count()) {
    await against.selectOption({ index: 1 });
    found.against = await axes();
  }
  const slider = chart.locator("input[type=range]");
  if (await slider.count()) found.played = await played(page, chart, slider);
  await page.emulateMedia({ media: "print" });
  await page.evaluate(() => dispatchEvent(new Event("beforeprint")));
  found.closed = await page.locator("details:not([open])").count();
  await page.pdf({ path: path.join(folder, `${path.basename(file, ".html")}.pdf`), format: "A4" });
  await page.evaluate(() => dispatchEvent(new Event("afterprint")));
  found.open = await page.locator("details[open]").count();
  await context.close();
  return { ...found, said };
}

// Plays, steps and drags the paths of a map; how many points are drawn of all paths, each time.
async function played(page, chart, slider) {
  const drawn = () => chart.locator("path.curve").evaluateAll((all) => all.reduce((sum, each) => sum + (each.getAttribute("d").match(/[ML]/g) || []).length, 0));
  const step = async () => [Number(await slider.inputValue()), await drawn(), await slider.getAttribute("aria-valuetext")];
  const button = (name) => chart.getByRole("button", { name, exact: true });
  const found = { whole: await step() };
  await slider.focus();
  await page.keyboard.press("Home");
  found.home = await step();
  await page.keyboard.press("ArrowRight");
  found.right = await step();
  await button("step on").click();
  found.on = await step();
  await button("step back").click();
  found.back = await step();
  const box = await slider.boundingBox();
  await page.mouse.move(box.x + 4, box.y + box.height / 2);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2, { steps: 4 });
  await page.mouse.up();
  found.dragged = await step();
  await button("play").focus();
  await page.keyboard.press("Space");
  await page.waitForFunction((from) => Number(document.querySelector("input[type=range]").value) > from, found.dragged[0]);
  await button("pause").click();
  found.paused = await step();
  await page.waitForTimeout(100);
  found.still = await step();
  const starts = chart.getByLabel(/^start/);
  if (await starts.count()) {
    const places = () => chart.locator("circle.place").evaluateAll((all) => all.map((each) => [each.getAttribute("cx"), each.getAttribute("cy")]));
    found.first = await places();
    await starts.selectOption({ index: 1 });
    found.second = await places();
  }
  return found;
}

(async () => {
  const browser = await chromium.launch({ executablePath, headless: true, args });
  const found = {};
  for (const file of files) {
    const name = path.basename(file, ".html");
    found[name] = { used: await used(browser, file) };
    for (const view of Object.keys(VIEWS)) found[name][view] = await looked(browser, file, view);
  }
  await browser.close();
  process.stdout.write(JSON.stringify(found));
})();
