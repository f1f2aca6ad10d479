// A Chromium of its own for one script: new profile, nothing that calls home.
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";

const FLAGS = [
  "no-sandbox",
  "disable-gpu",
  "disable-quic",
  "no-first-run",
  "disable-sync",
  "disable-background-networking",
  "disable-component-update",
];

/** Start it; returns the browser, a page, its uncaught errors, and the errors on its console. */
export async function openChromium(options = {}) {
  const profile = mkdtempSync(join(tmpdir(), "chromium-"));
  const browser = await chromium.launchPersistentContext(profile, {
    executablePath: process.env.CHROMIUM,
    args: FLAGS.map((flag) => `--${flag}`),
    acceptDownloads: true,
    ...options,
  });
  const page = await browser.newPage();
  const errors = [];
  const said = [];
  page.on("pageerror", (error) => errors.push(String(error)));
  page.on("console", (message) => {
    if (message.type() === "error") said.push(`${message.text()} ${message.location().url}`);
  });
  return { browser, page, errors, said };
}
