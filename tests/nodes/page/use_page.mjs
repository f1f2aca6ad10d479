// Use the page at /magicpose as a person would, in one of several ways.
//
//   CHROMIUM=/path/to/chromium node use_page.mjs URL WAY FOLDER [NAME=VALUE ...]
//
// Prints one JSON line: what was seen, and errors of the page and its console. Photographs go into
// FOLDER. Ways are the functions below; values are of the window (width, height, colours, locale),
// or numbers that the way reads.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { openChromium } from "./chromium.mjs";

const [url, way, folder, ...settings] = process.argv.slice(2);
const set = Object.fromEntries(settings.map((setting) => setting.split("=")));
const LONG = { timeout: 1000 * Number(set.patience ?? 500) };

const look = (page, name) => page.screenshot({ path: join(folder, `${name}.png`), fullPage: true });
const finished = (page) => page.locator("#download").waitFor(LONG);
const fitted = (page) => page.locator("#nudges").waitFor(LONG);
const inside = (name) => join(folder, name);

async function open(page) {
  await page.goto(`${url}/magicpose`);
  await page.locator("#model option").first().waitFor({ state: "attached" });
}

/** Choose files of a test for the person or the dance. */
const give = (page, card, ...names) =>
  page.locator(`#${card} .drop input`).setInputFiles(names.map(inside));

/** Set numbers under "more", small ones: what is tested is the page. */
async function keepSmall(page, more = {}) {
  await page.locator("#settings details").evaluate((details) => (details.open = true));
  for (const [name, value] of Object.entries({ size: 64, steps: 8, ...more })) {
    await page.locator(`#${name}`).fill(String(value));
    await page.locator(`#${name}`).dispatchEvent("change");
  }
}

/** A small run of the first example on the model that is offered first. */
async function startSmall(page, more) {
  await page.locator(".example").first().click();
  await fitted(page);
  await page.locator("#model").selectOption({ index: 0 });
  await keepSmall(page, more);
}

const WAYS = {
  /** Open, an example, Run: three actions. */
  async example(page) {
    await page.goto(`${url}/magicpose`);
    await page.locator(".example").first().click();
    await page.locator("#run:enabled").click(LONG);
    return watch(page);
  },

  /** The same on small numbers; then its downloads, a reload, and the list of earlier results. */
  async small(page) {
    await open(page);
    await look(page, "start");
    await startSmall(page);
    await page.locator("#zoom").fill("1.2");
    await look(page, "fit");
    await page.locator("#run").click();
    const seen = await watch(page);
    const saved = async (button) => {
      const [download] = await Promise.all([page.waitForEvent("download"), button.click()]);
      return readFileSync(await download.path());
    };
    const workflow = JSON.parse((await saved(page.locator("#workflow"))).toString());
    const mp4 = (await saved(page.locator("#download"))).subarray(4, 8).toString();
    await page.reload();
    await page.locator("#earlier-list button").first().click();
    await finished(page);
    return { ...seen, workflow, mp4 };
  },

  /** Nothing but keys, from opening to the finished clip. */
  async keys(page) {
    await open(page);
    const until = async (selector) => {
      for (let pressed = 0; pressed < 60; pressed++) {
        await page.keyboard.press("Tab");
        if (await page.evaluate((s) => document.activeElement.matches(s), selector)) return pressed;
      }
      throw new Error(`no way by Tab to ${selector}`);
    };
    await until(".example");
    await page.keyboard.press("Enter");
    await fitted(page);
    await page.locator("#run:focus").waitFor();
    await page.keyboard.press("Shift+Tab");
    for (let presses = 0; presses < 60; presses++) {
      if (await page.evaluate(() => document.activeElement.matches("summary"))) break;
      await page.keyboard.press("Shift+Tab");
    }
    await page.keyboard.press("Enter");
    await until("#size");
    await page.keyboard.type("64");
    await until("#steps");
    await page.keyboard.type("1");
    await until("#nudge-right");
    await page.keyboard.press("ArrowRight");
    await until("#run");
    await page.keyboard.press("Enter");
    await finished(page);
    await until("#divide");
    await page.keyboard.press("ArrowRight");
    const divide = await page.locator("#divide").inputValue();
    const focus = await page.evaluate(
      () => getComputedStyle(document.querySelector("#screen")).outlineStyle,
    );
    return { divide, focus };
  },

  /** Serious findings of axe, at the start, with a fit, and with a result. */
  async axe(page) {
    const script = readFileSync(
      new URL("node_modules/axe-core/axe.min.js", import.meta.url),
      "utf8",
    );
    const found = [];
    const examine = async (state) => {
      await page.evaluate(script); // not as a script element, which the page's policy forbids
      const { violations } = await page.evaluate(() => window.axe.run());
      for (const { id, impact, nodes } of violations)
        if (["serious", "critical"].includes(impact))
          found.push(`${state}: ${id} ${nodes.map(({ html }) => html.slice(0, 120))}`);
    };
    await open(page);
    await examine("start");
    await startSmall(page, { steps: 2 });
    await examine("fit");
    await look(page, `fit-${set.name}`);
    await page.locator("#run").click();
    await finished(page);
    await page.waitForTimeout(500);
    await examine("result");
    await look(page, `result-${set.name}`);
    return { found };
  },

  /** Cancel our run while another client's runs before it, or waits behind it. */
  async cancel(page) {
    await open(page);
    await startSmall(page, { steps: 200 });
    const queued = (kind, count) =>
      page.waitForFunction(
        async ([kind, count]) => {
          const queue = await (await fetch("/api/queue")).json();
          return queue[`queue_${kind}`].length === count;
        },
        [kind, count],
        { ...LONG, polling: 300 },
      );
    if (set.first === "theirs") await queued("running", 1);
    await page.locator("#run").click();
    await queued("pending", 1);
    const words = set.first === "theirs" ? "1 before this one" : "of 200";
    await page.getByText(words, { exact: false }).waitFor(LONG);
    await look(page, `cancel-${set.name}`);
    await page.locator("#cancel").click();
    await page.getByText("Cancelled.").waitFor(LONG);
    return { status: await page.locator("#run-status").innerText() };
  },

  /** Files with hostile names and contents. */
  async hostile(page) {
    const dialogs = [];
    page.on("dialog", (dialog) => dialogs.push(dialog.message()) && dialog.dismiss());
    await open(page);
    const name = "<img src=x onerror=alert(1)>";
    await give(page, "person", `${name}.png`);
    await page.locator("#person strong", { hasText: name }).waitFor();
    await give(page, "dance", `${name}.json`);
    await page.locator("#run-fault, #dance .fault").filter({ visible: true }).first().waitFor(LONG);
    await look(page, "hostile");
    const text = await page.locator("body").innerText();
    const images = await page.locator("img[onerror], body script:not([src])").count();
    return { text, images, dialogs };
  },

  /** Files that are refused, each with words on its card. */
  async refused(page) {
    await open(page);
    const told = {};
    for (const [card, file] of [
      ["person", "no-picture.png"],
      ["dance", "no-poses.json"],
      ["dance", "no-dance.txt"],
      ["dance", "too-large.mp4"],
    ]) {
      await give(page, card, file);
      const fault = page.locator(`#${card} .fault`);
      await fault.filter({ hasText: file }).waitFor(LONG);
      told[file] = await fault.innerText();
    }
    return { told };
  },

  /** Own files: a picture, and drawings of poses. */
  async drawings(page) {
    await open(page);
    await give(page, "person", "person.png");
    await give(page, "dance", "pose-2.png", "pose-10.png", "pose-1.png");
    await keepSmall(page);
    await look(page, "drawings-fit");
    await page.locator("#run").click();
    return watch(page);
  },

  /** A picture and a video where no detector is ready. */
  async undetected(page) {
    await open(page);
    await give(page, "person", "person.png");
    await give(page, "dance", "dance.mp4");
    await page.locator("#dance .note").waitFor();
    await look(page, "undetected");
    const dance = await page.locator("#dance .note").innerText();
    const disabled = await page.locator("#run").isDisabled();
    await page.locator(".sample").first().click();
    await fitted(page);
    return { dance, disabled, person: await page.locator("#person .note").innerText() };
  },

  /** Run after run, each with another seed. */
  async repeat(page) {
    await open(page);
    await startSmall(page, { steps: 2 });
    for (let done = 0; done < Number(set.runs); done++) {
      await page.locator("#seed").fill(String(done));
      await page.locator("#seed").dispatchEvent("change");
      const before = await page.locator("#download").getAttribute("href");
      await page.locator("#run:enabled").click(LONG);
      await page.waitForFunction(
        (before) => document.querySelector("#download").getAttribute("href") !== before,
        before,
        LONG,
      );
      process.stderr.write(`run ${done + 1}\n`);
    }
    return { earlier: await page.locator("#earlier-list button").count() };
  },
};

/** See a run through. */
async function watch(page) {
  await page.locator("#canvas[data-frames], #download:visible").first().waitFor(LONG);
  await look(page, `${way}-live`);
  await finished(page);
  await page.waitForFunction(() => document.querySelector("#video").currentTime > 0, null, LONG);
  await look(page, `${way}-result`);
  const video = await page.locator("#video").evaluate((video) => ({
    duration: video.duration,
    width: video.videoWidth,
    playing: video.currentTime > 0,
    loop: video.loop,
  }));
  const previews = await page.locator("#canvas").evaluate(({ dataset }) => Number(dataset.frames));
  const poses = await page.locator("#compare option[value=pose]").isEnabled();
  if (poses) {
    await page.locator("#compare").selectOption("pose");
    await page.waitForTimeout(300);
    await look(page, `${way}-pose`);
  }
  return { video, previews, poses, status: await page.locator("#run-status").innerText() };
}

const width = Number(set.width ?? 1360);
const { browser, page, errors, said } = await openChromium({
  viewport: { width, height: Number(set.height ?? 900) },
  colorScheme: set.colours ?? "light",
  locale: set.locale ?? "en-US",
});
const seen = await WAYS[way](page);
process.stdout.write(JSON.stringify({ ...seen, errors, said }) + "\n");
await browser.close();
