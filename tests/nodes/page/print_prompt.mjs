// Print the graph that the page queues, as JSON. In comes {choice, infos}: what is chosen, and what
// ComfyUI tells of the nodes (/object_info).
import { readFileSync } from "node:fs";
import { frameSize } from "../../../web/page/frame.mjs";
import { STILL, clipPrompt } from "../../../web/page/prompts.mjs";

const { choice, infos } = JSON.parse(readFileSync(0, "utf8"));
const frame = frameSize(choice.person, choice.settings);
process.stdout.write(JSON.stringify(clipPrompt({ nudge: STILL, ...choice, infos }, frame)));
