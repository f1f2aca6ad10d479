// Open ComfyUI in a real browser, load a template of the pack from the template browser, queue it,
// and photograph the page: the template browser, the loaded graph, the finished run.
//
//   CHROMIUM=/path/to/chromium node run_template.mjs URL TEMPLATE FOLDER [WIDGET=VALUE ...]
//
// Prints one JSON line: what was loaded, how the run ended, how many previews came, console errors.
import { join } from "node:path";
import { openChromium } from "./chromium.mjs";

const [url, template, folder, ...settings] = process.argv.slice(2);
const widgets = Object.fromEntries(
  settings
    .map((setting) => setting.split("="))
    .map(([name, value]) => [name, Number.isNaN(Number(value)) ? value : Number(value)]),
);

const set = (name, value) =>
  fetch(`${url}/api/settings/${name}`, { method: "POST", body: JSON.stringify(value) });
await set("Comfy.TutorialCompleted", true);
await set("Comfy.Minimap.Visible", false);
await set("LiteGraph.Canvas.MinFontSizeForLOD", 0); // names stay readable from afar
const viewport = { width: 2000, height: 1200 };
const { browser, page, errors } = await openChromium({ viewport });
await page.goto(url);
await page.waitForFunction(() => window.app?.extensionManager, null, { timeout: 120000 });
await page.waitForTimeout(2000);

await page.evaluate(() => window.app.extensionManager.command.execute("Comfy.BrowseTemplates"));
await page.getByText("MagicPose", { exact: false }).first().waitFor({ timeout: 60000 });
const search = page.getByPlaceholder(/search/i).first();
await search.fill(template).catch(() => {});
await page.waitForTimeout(1500);
await page.screenshot({ path: join(folder, `${template}-templates.png`) });
await page.locator(`[data-testid="template-workflow-${template}"]`).first().click();
await page.waitForFunction(() => window.app.graph.nodes.length > 5, null, { timeout: 30000 });
await page.waitForTimeout(1500);
await page.evaluate(() => window.app.extensionManager.command.execute("Comfy.Canvas.FitView"));
await page.waitForTimeout(1000);
await page.screenshot({ path: join(folder, `${template}-graph.png`) });

const run = await page.evaluate(async (widgets) => {
  // detectors need weights that nobody ships: stored keypoints take their place
  const graph = window.app.graph;
  for (const detector of graph.nodes.filter((node) => node.type === "MagicPose_DetectPoses")) {
    const stored = window.LiteGraph.createNode("MagicPose_LoadPoses");
    graph.add(stored);
    stored.pos = [...detector.pos];
    detector.outputs.forEach((output, slot) => {
      for (const id of [...(output.links ?? [])]) {
        const link = graph.getLink(id);
        stored.connect(slot, link.target_id, link.target_slot);
      }
    });
    graph.remove(detector);
  }
  for (const node of window.app.graph.nodes)
    for (const widget of node.widgets ?? [])
      if (widget.name in widgets)
        if (widget.type !== "combo" || widget.options.values.includes(widgets[widget.name]))
          widget.value = widgets[widget.name];
  const seen = { progress: 0, previews: 0 };
  const api = window.app.api;
  api.addEventListener("progress", () => seen.progress++);
  api.addEventListener("b_preview", () => seen.previews++);
  const ended = new Promise((resolve) => {
    for (const name of ["execution_success", "execution_error", "execution_interrupted"])
      api.addEventListener(name, (event) => resolve({ end: name, detail: event.detail }));
  });
  await window.app.queuePrompt(0, 1);
  return { nodes: window.app.graph.nodes.length, ...(await ended), ...seen };
}, widgets);
await page.waitForTimeout(3000);
await page.evaluate(() => window.app.extensionManager.command.execute("Comfy.Canvas.FitView"));
await page.waitForTimeout(1500);
await page.screenshot({ path: join(folder, `${template}-finished.png`) });
process.stdout.write(JSON.stringify({ ...run, errors }) + "\n");
await browser.close();
