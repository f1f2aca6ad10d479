"""Weight files that were once badly received, each by name, to be made small or at full size."""

from __future__ import annotations

import io
import json
import pickle
import struct
import zipfile
from collections.abc import Callable, Mapping

import torch
from safetensors.torch import save

from .weight_seeds import rezipped, seeds

MOST = 950_000  # operations, just under what a pickle may have


def safetensors(header, content=b"", size=None):
    text = json.dumps(header).encode() if isinstance(header, dict) else header
    return struct.pack("<Q", len(text) if size is None else size) + text + content


def empty(**tensors):
    return safetensors(
        {
            key: {"dtype": "F32", "shape": shape, "data_offsets": [0, 0]}
            for key, shape in tensors.items()
        }
    )


def archive(data_pkl, method=zipfile.ZIP_STORED, **entries):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as writer:
        writer.writestr("a/data.pkl", data_pkl, method)
        writer.writestr("a/version", "3\n")
        for name, content in {"0": bytes(16), **entries}.items():
            writer.writestr(f"a/data/{name}", content)
    return stream.getvalue()


def legacy(state, *keys):
    parts = (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True})
    return b"".join(pickle.dumps(part, 2) for part in parts) + state + pickle.dumps(list(keys), 2)


def tensor(shape, stride, *, count=4, storage="FloatStorage", key="0"):
    """The operations that make a tensor, with the numbers as they are given."""

    def number(value):
        return b"I" + str(value).encode() + b"\n"

    def several(values):
        return b"(" + b"".join(map(number, values)) + b"t"

    reference = b"(X\7\0\0\0storagectorch\n" + storage.encode() + b"\n"
    reference += b"X" + struct.pack("<I", len(key)) + key.encode() + b"X\3\0\0\0cpu"
    reference += number(count) + b"tQ"
    return (
        b"ctorch._utils\n_rebuild_tensor_v2\n(" + reference + number(0) + several(shape)
        + several(stride) + b"I00\n}tR"
    )  # fmt: skip


def one_tensor(operations):
    return b"\x80\2}X\1\0\0\0w" + operations + b"s."


def with_key(name):
    def change(header):
        header[name] = header.pop("model.diffusion_model.out.2.bias")

    return changed_header(change)


def changed_header(change):
    content = seeds()[".safetensors"]
    size = struct.unpack("<Q", content[:8])[0]
    header = json.loads(content[8 : 8 + size])
    change(header)
    return safetensors(header, content[8 + size :])


def note(text):
    return changed_header(lambda header: header["__metadata__"].update({"magicpose.heads": text}))


def levels(count):
    keys = [f"input_blocks.{i}.0.out_layers.3.weight" for i in range(count)]
    keys += [f"encoder.down.{i}.block.0.conv2.weight" for i in range(count)]
    keys += ["encoder.down.0.block.0.conv1.weight", "decoder.conv_in.weight", "out.2.weight"]
    keys += ["input_blocks.0.0.weight", "post_quant_conv.weight"]
    keys += [f"down_blocks.{i}.resnets.0.conv1.weight" for i in range(count)]
    keys += ["conv_norm_out.weight", "encoder.conv_norm_out.weight"]
    keys += [f"encoder.down_blocks.{i}.resnets.0.conv1.weight" for i in range(count)]
    keys += [f"transformer.text_model.encoder.layers.{i}.mlp.fc1.weight" for i in range(count)]
    keys += [
        "model.diffusion_model." + key for key in keys if "put_blocks" in key or key[:4] == "out."
    ]
    return empty(**{key: [0, 32, 1, 1] for key in keys})


def wide_text(_):
    """A text encoder that would be a thousand times the file."""
    state = {f"cond_stage_model.transformer.text_model.encoder.layers.{i}.mlp.fc1.weight":
             torch.zeros(1) for i in range(64)}  # fmt: skip
    inside = "cond_stage_model.transformer.text_model."
    state[f"{inside}encoder.layers.0.mlp.fc1.weight"] = torch.zeros(60000, 1)
    state[f"{inside}embeddings.token_embedding.weight"] = torch.zeros(1, 16000)
    state[f"{inside}embeddings.position_embedding.weight"] = torch.zeros(1, 1)
    return save(state)


def shared_by_many(many):
    """Names by the thousand for one tensor of a megabyte."""
    shared = tensor([1 << 18], [1], count=1 << 18) + b"q\1"
    names = (b"X\5\0\0\0" + f"{number:05}".encode() for number in range(many // 11))
    items = b"".join(key + (b"h\1" if index else shared) for index, key in enumerate(names))
    return archive(b"\x80\2}(" + items + b"u.", **{"0": bytes(1 << 20)})


def wrapped_calls(many):
    """A call of a call of a call ..., made again and again."""
    depth = many // 6
    nested = b"(h\0N" * depth + b")" + b"Nt" * depth + b"q\2"
    again = b"h\0h\2R0" * (many // 25)
    return archive(b"\x80\2ctorch._tensor\n_rebuild_from_type_v2\nq\0" + nested + again + b".")


def many_ordered_dictionaries(many):
    """A list of pairs that thousands of dictionaries are made of."""
    pairs = b"](" + b"X\1\0\0\0aN\x86" * (many // 7) + b"eq\1"
    made = b"h\0h\1\x85R0" * (many // 10)
    return archive(b"\x80\2ccollections\nOrderedDict\nq\0" + pairs + made + b"h\0.")


def many_sizes(many):
    """A list that thousands of sizes are made of."""
    sides = b"](" + b"K\1" * (many // 2) + b"eq\1"
    return archive(b"\x80\2ctorch\nSize\nq\0" + sides + b"h\0h\1\x85R" * (many // 10) + b".")


def long_text(text, size):
    return b"X" + struct.pack("<I", size) + text + b"a" * (size - len(text))


FOUND: Mapping[str, Callable[[int], bytes]] = {
    "tuple nested as a key.pt": lambda many: archive(b"\x80\2})" + b"\x85" * 200_000 + b"Ns."),
    "tuple nested as a value.pt": lambda many: archive(b"\x80\2)" + b"\x85" * many + b"."),
    "lists in lists.pt": lambda many: archive(
        b"\x80\2" + b"]" * (many // 2) + b"a" * (many // 2 - 1) + b"."
    ),
    "objects in objects.pt": lambda many: archive(
        b"\x80\2" + b"}X\1\0\0\0a" * (many // 3) + b"Ns" + b"s" * (many // 3 - 1) + b"."
    ),
    "many dictionaries.pt": lambda many: archive(b"\x80\4" + b"}\x94" * (many // 2) + b"."),
    "many objects.pt": lambda many: archive(
        b"\x80\4capp\nThing\nq\0" + b"h\0)\x81" * (many // 3) + b"."
    ),
    "many sizes.pt": many_sizes,
    "many ordered dictionaries.pt": many_ordered_dictionaries,
    "wrapped calls.pt": wrapped_calls,
    "too many operations.pt": lambda many: archive(b"\x80\2" + b"N" * (2 * MOST) + b"."),
    "long text.pt": lambda many: archive(
        b"\x80\2" + long_text("\U0001f600".encode(), many << 6) + b"."
    ),
    "names of names.pt": lambda many: archive(
        b"\x80\4" + long_text(b"", 1 << 20) + b"q\0" + b"h\0h\0\x93" * (many // 4) + b"."
    ),
    "huge pickle.pt": lambda many: archive(bytes(65 << 20)),
    "long number.pt": lambda many: archive(b"\x80\2L" + b"9" * 5_000_000 + b"L\n."),
    "memo beyond.pt": lambda many: archive(b"\x80\2Np2305843009213693951\n."),
    "deflated pickle.pt": lambda many: archive(bytes(300 * many), zipfile.ZIP_DEFLATED),
    "deflated weights.pt": lambda many: rezipped(
        seeds()[".th"], lambda _, data: data, zipfile.ZIP_DEFLATED
    ),
    "many entries.pt": lambda many: archive(
        b"\x80\2}.", **{str(number): b"" for number in range(2 * many // 10)}
    ),
    "tensor of many sides.pt": lambda many: archive(
        one_tensor(tensor([2**31] * (many // 4), [1] * (many // 4)))
    ),
    "expanded.pt": lambda _: archive(one_tensor(tensor([1 << 20, 1 << 20], [0, 0], count=1))),
    "shared by many.pt": shared_by_many,
    "beyond the storage.pt": lambda _: archive(one_tensor(tensor([4, 4], [1 << 40, 1]))),
    "negative stride.pt": lambda _: archive(one_tensor(tensor([4], [-1]))),
    "no storage.pt": lambda _: archive(one_tensor(tensor([4], [1], key="absent"))),
    "storage of qint.pt": lambda _: archive(one_tensor(tensor([4], [1], storage="QInt32Storage"))),
    "empty and huge.pt": lambda _: archive(one_tensor(tensor([0, 1 << 55], [1, 1]))),
    "huge storage.pth": lambda _: legacy(one_tensor(tensor([4], [1], count=1 << 28)), "0"),
    "absent storage.pth": lambda _: legacy(one_tensor(tensor([4], [1])), "0"),
    "unknown storages.pth": lambda _: legacy(one_tensor(tensor([4], [1])), *map(str, range(9))),
    "no pickle.pth": lambda many: b"\x80\2" + b"(" * 1000,
    "nothing.pth": lambda many: b"",
    "huge and empty.safetensors": lambda _: empty(
        **{"input_blocks.0.0.weight": [320, 1 << 40], "zero_convs.0.0.weight": [0, 1 << 50]}
    ),
    "huge vocabulary.safetensors": lambda _: empty(
        **{
            f"cond_stage_model.transformer.text_model.{key}.weight": [1 << 40, 0]
            for key in ("embeddings.token_embedding", "embeddings.position_embedding")
        }
    ),
    "levels.safetensors": lambda many: levels(many // 50),
    "5,000 digits.safetensors": lambda _: note("9" * 5000),
    "other digits.safetensors": lambda _: note("\u0663"),
    "red key.safetensors": lambda _: with_key("\x1b[31mred"),
    "key of two lines.safetensors": lambda _: with_key("a\nb"),
    "backwards key.safetensors": lambda _: with_key("\u202ecba"),
    "endless key.safetensors": lambda _: with_key("x" * 100_000),
    "long header.safetensors": lambda many: safetensors(b" " * (17 << 20)),
    "absent header.safetensors": lambda many: safetensors({}, size=1 << 62),
    "a million sides.safetensors": lambda _: empty(w=[0] + [1] * 1_000_000),
    "wide text.safetensors": wide_text,
    "clears the screen.safetensors": lambda _: note("\x1b[2J"),
}
