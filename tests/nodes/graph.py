"""A workflow as the page saves it, turned into the prompt that the page would queue."""

from __future__ import annotations

from collections.abc import Mapping

WIDGETS = ("INT", "FLOAT", "STRING", "BOOLEAN", "COMBO")
Info = Mapping[str, Mapping[str, object]]  # /object_info
Prompt = dict[str, dict[str, object]]


def inputs_of(info: Mapping[str, object]) -> dict[str, tuple[object, Mapping[str, object]]]:
    """Name -> (type, options) of every input, in the order of the page."""
    found = {}
    for section in ("required", "optional"):
        for name, entry in info["input"].get(section, {}).items():
            kind = "COMBO" if isinstance(entry[0], list) else entry[0]
            options = entry[1] if len(entry) > 1 else {}
            choices = entry[0] if isinstance(entry[0], list) else options.get("options")
            found[name] = (kind, {**options, "options": choices, "section": section})
    return found


def to_prompt(workflow: Mapping[str, object], infos: Info) -> Prompt:
    """Turn a saved workflow into a prompt; notes are left out."""
    sources = {link[0]: [str(link[1]), link[2]] for link in workflow["links"]}
    prompt = {}
    for node in workflow["nodes"]:
        if node["type"] not in infos:
            assert node["type"] in ("MarkdownNote", "Note"), node["type"]
            continue
        inputs = widget_values(node, infos)
        for slot in node["inputs"]:
            if slot.get("link") is not None:
                inputs[slot["name"]] = sources[slot["link"]]
        prompt[str(node["id"])] = {"class_type": node["type"], "inputs": inputs}
    return prompt


def unfold(blueprint: Mapping[str, object], sources: list[int]) -> dict[str, object]:
    """Take a subgraph out of its blueprint: a workflow without what goes in and comes out.

    Args:
        blueprint: With one subgraph.
        sources: For each of its inputs the id of a node whose first output goes in there.
    """
    (subgraph,) = blueprint["definitions"]["subgraphs"]
    links = []
    for link in subgraph["links"]:
        origin, slot = link["origin_id"], link["origin_slot"]
        if origin == subgraph["inputNode"]["id"]:
            origin, slot = sources[slot], 0
        links.append([link["id"], origin, slot, link["target_id"], link["target_slot"]])
    return {"nodes": subgraph["nodes"], "links": links}


def widget_values(node: Mapping[str, object], infos: Info) -> dict[str, object]:
    """Name the values of a node's widgets; every stored value must have its widget.

    Widgets behind the stored ones, which later versions add, are left out: they keep their default.
    """
    values, named = list(node.get("widgets_values", ())), {}
    for name, (kind, options) in inputs_of(infos[node["type"]]).items():
        if kind not in WIDGETS or options.get("forceInput"):
            continue
        if not values:  # a widget that a later version has put behind the others
            if options["section"] == "required":
                named[name] = options["default"]
            continue
        named[name] = values.pop(0)
        if options.get("control_after_generate"):
            assert values.pop(0) in ("fixed", "randomize", "increment", "decrement"), node
        if options.get("image_upload") or options.get("video_upload"):
            assert values.pop(0) == "image", node
    assert not values, (node["type"], values)
    return named


def shrink(prompt: Prompt, **new: object) -> Prompt:
    """Set inputs of these names where they are not connected; a function makes the new value."""

    def value_of(name: str, value: object) -> object:
        if name not in new or isinstance(value, list):
            return value
        return new[name](value) if callable(new[name]) else new[name]

    return {
        key: {**node, "inputs": {n: value_of(n, value) for n, value in node["inputs"].items()}}
        for key, node in prompt.items()
    }
