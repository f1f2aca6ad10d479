"""The lists of inputs and outputs on the help pages, made from the nodes and their translation.

What stands above ``## Inputs`` is written by hand. ``test_pack`` compares the rest; with
``MAGICPOSE_WRITE_HELP=1`` in the environment it writes what has changed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

Info = Mapping[str, object]  # of a node, as ComfyUI's server gives it


@dataclass(frozen=True, kw_only=True)
class Language:
    """The words of one language.

    Attributes:
        inputs: Heading of the inputs.
        outputs: Heading of the outputs.
        default: How a default is told, with a place for it.
    """

    inputs: str
    outputs: str
    default: str


ENGLISH = Language(inputs="## Inputs", outputs="## Outputs", default=" (default {})")
CHINESE = Language(inputs="## 输入", outputs="## 输出", default="（默认 {}）")  # noqa: RUF001


def fresh_page(path: Path, info: Info, texts: Info | None, language: Language) -> str:
    """Return a page with its lists as they must be.

    Args:
        path: The page as it is.
        info: The node.
        texts: Its translation; None takes the node's own texts.
        language: Of the page.
    """
    written = path.read_text(encoding="utf-8").partition(f"{language.inputs}\n")[0].rstrip()
    parts = [written, language.inputs, "\n".join(_inputs(info, texts, language))]
    if info["output"]:
        parts += [language.outputs, "\n".join(_outputs(info, texts))]
    return "\n\n".join(parts) + "\n"


def _inputs(info: Info, texts: Info | None, language: Language) -> Iterator[str]:
    for section in ("required", "optional"):
        for name, entry in info["input"].get(section, {}).items():
            options = entry[1] if len(entry) > 1 else {}
            kind = "COMBO" if isinstance(entry[0], list) else entry[0]
            said = options if texts is None else texts["inputs"][name]
            title = "" if texts is None else f"{said['name']} "
            default = language.default.format(options["default"]) if "default" in options else ""
            yield f"- `{name}` {title}({kind}): {said['tooltip']}{default}"


def _outputs(info: Info, texts: Info | None) -> Iterator[str]:
    for place, (name, kind) in enumerate(zip(info["output_name"], info["output"], strict=True)):
        if texts is None:
            yield f"- `{name}` ({kind}): {info['output_tooltips'][place]}"
        else:
            said = texts["outputs"][str(place)]
            yield f"- `{name}` {said['name']} ({kind}): {said['tooltip']}"
