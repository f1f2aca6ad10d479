// Print the graph that the page queues for a choice, as JSON; the choice comes as JSON, too.
//
//   node print_prompt.mjs '{"person": ..., "dance": ..., "settings": ..., "nudge": ..., ...}'
import { frameSize } from "../../../web/page/frame.mjs";
import { STILL, clipPrompt } from "../../../web/page/prompts.mjs";

const choice = { nudge: STILL, ...JSON.parse(process.argv[2]) };
const frame = frameSize(choice.person, choice.settings);
process.stdout.write(JSON.stringify(clipPrompt(choice, frame)));
