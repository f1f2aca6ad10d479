// Open a workflow as a graph in a real browser, run it, and photograph the graph with its results.
//
//   CHROMIUM=/path/to/chromium node photograph_graph.mjs URL WORKFLOW.json PICTURE.png [WIDGET=VALUE ...]
//
// Prints one JSON line: how the run ended, and console errors.
import { readFileSync } from "node:fs";
import { openChromium } from "./chromium.mjs";

const [url, file, picture, ...settings] = process.argv.slice(2);
const widgets = Object.fromEntries(
  settings
    .map((setting) => setting.split("="))
    .map(([name, value]) => [name, Number(value)]),
);
const workflow = JSON.parse(readFileSync(file, "utf8"));
delete workflow.extra.linearMode; // it would open as a form

const set = (name, value) =>
  fetch(`${url}/api/settings/${name}`, { method: "POST", body: JSON.stringify(value) });
await set("Comfy.TutorialCompleted", true);
await set("Comfy.Minimap.Visible", false);
await set("LiteGraph.Canvas.MinFontSizeForLOD", 0); // names stay readable from afar
const viewport = { width: 1800, height: 900 };
const { browser, page, errors } = await openChromium({ viewport });
await page.goto(url);
await page.waitForFunction(() => window.app?.extensionManager, null, { timeout: 120000 });
await page.waitForTimeout(3000);
await page.evaluate((graph) => window.app.loadGraphData(graph), workflow);
await page.waitForFunction(() => window.app.graph.nodes.length > 5, null, { timeout: 30000 });
const run = await page.evaluate(async (widgets) => {
  for (const node of window.app.graph.nodes)
    for (const widget of node.widgets ?? [])
      if (widget.name in widgets) widget.value = widgets[widget.name];
  const ended = new Promise((resolve) => {
    for (const name of ["execution_success", "execution_error", "execution_interrupted"])
      window.app.api.addEventListener(name, (event) => resolve({ end: name, detail: event.detail }));
  });
  await window.app.queuePrompt(0, 1);
  return ended;
}, widgets);
await page.waitForTimeout(5000);
await page.evaluate(() => window.app.extensionManager.command.execute("Comfy.Canvas.FitView"));
await page.waitForTimeout(3000);
await page.screenshot({ path: picture });
process.stdout.write(JSON.stringify({ ...run, errors }) + "\n");
await browser.close();
