// Open a template of the pack as the form that it is (App mode), run it, look for the video, and run
// it again; photograph the form and the result.
//
//   CHROMIUM=/path/to/chromium node run_app.mjs URL TEMPLATE FOLDER [WIDGET=NUMBER ...]
//
// Prints one JSON line: labels of the form, how the runs ended, videos seen, console errors.
import { join } from "node:path";
import { openChromium } from "./chromium.mjs";

const [url, template, folder, ...settings] = process.argv.slice(2);
const widgets = Object.fromEntries(settings.map((setting) => setting.split("=")));
await fetch(`${url}/api/settings/Comfy.TutorialCompleted`, { method: "POST", body: "true" });
const viewport = { width: 1400, height: 900 };
const { browser, page, errors } = await openChromium({ viewport });
await page.goto(url);
await page.waitForFunction(() => window.app?.extensionManager, null, { timeout: 120000 });
await page.waitForTimeout(2000);
await page.evaluate(async (template) => {
  const packs = await (await fetch("api/workflow_templates")).json();
  const pack = Object.keys(packs).find((name) => packs[name].includes(template));
  const path = `api/workflow_templates/${encodeURIComponent(pack)}/${template}.json`;
  await window.app.loadGraphData(await (await fetch(path)).json(), true, true, template);
}, template);
await page.waitForTimeout(2500);
await page.screenshot({ path: join(folder, `${template}-form.png`) });
await page.evaluate((widgets) => {
  for (const node of window.app.graph.nodes)
    for (const widget of node.widgets ?? [])
      if (widget.name in widgets) widget.value = Number(widgets[widget.name]);
}, widgets);
const labels = await page.evaluate(() => document.body.innerText);

const runs = [];
for (const again of [false, true]) {
  const ended = page.evaluate(
    () =>
      new Promise((resolve) => {
        for (const name of ["execution_success", "execution_error", "execution_interrupted"])
          window.app.api.addEventListener(name, () => resolve(name), { once: true });
      }),
  );
  if (again) await page.waitForTimeout(1000);
  await page
    .getByRole("button", { name: /^(run|rerun)/i })
    .first()
    .click();
  runs.push(await ended);
  await page.waitForTimeout(3000);
}
const videos = await page.locator("video").count();
await page.screenshot({ path: join(folder, `${template}-result.png`) });
process.stdout.write(JSON.stringify({ labels, runs, videos, errors }) + "\n");
await browser.close();
