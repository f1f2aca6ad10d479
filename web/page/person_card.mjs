// The card of the person: a picture that is dropped, chosen or pasted, or one of the examples.
import { onCard, showChosen } from "./card.mjs";
import { find, show } from "./dom.mjs";
import { readPicture, takeFiles } from "./files.mjs";
import { samplePicture, uploadSample } from "./samples.mjs";
import { upload } from "./server.mjs";

/** Set the card up; `choose` gets {file, name, image, width, height, poses, sample}.
 *
 * `file` and `poses` are names in the input folder; poses are null where they must be found,
 * and `sample` says that it is drawn.
 * Returns how to take an example by its name.
 */
export function setUpPerson(choose) {
  const card = find("#person");
  const chosen = (person) => {
    const thumb = find(".thumb", card);
    thumb.src = person.image.src;
    show(thumb, true);
    showChosen(card, person.name);
    choose(person);
  };
  const take = (file) =>
    onCard(card, async () => {
      const picture = await readPicture(file, file.name);
      chosen({ ...picture, file: await upload(file), name: file.name, poses: null });
    });
  takeFiles(find(".drop", card), ([file]) => take(file));
  document.addEventListener("paste", ({ clipboardData }) => {
    const file = [...clipboardData.files].find(({ type }) => type.startsWith("image/"));
    if (file) take(file);
  });
  return (name) =>
    onCard(card, async () => {
      const picture = await readPicture(samplePicture(name).href, name);
      const [file, poses] = [await uploadSample(`${name}.png`), await uploadSample(`${name}.json`)];
      chosen({ ...picture, file, name, poses, sample: true });
    });
}
