"""Where a model's networks are and in what precision, where the caller does not say."""

from __future__ import annotations

import torch

from .errors import InputError
from .models.device import choose_device, choose_dtype
from .weights.convert import DTYPES, DtypeName


def choose_placement(
    device: str | torch.device | None = None, dtype: DtypeName | torch.dtype | None = None
) -> tuple[torch.device, torch.dtype]:
    """Choose device and dtype where the caller does not.

    Raises:
        InputError: The device is not there, or the dtype is another one.
    """
    place = choose_device(None if device is None else str(device))
    if dtype is None:
        return place, choose_dtype(place)
    kind = dtype if isinstance(dtype, torch.dtype) else DTYPES.get(dtype)
    if kind not in DTYPES.values():
        raise InputError(f"dtype must be one of {', '.join(DTYPES)}, got {dtype}")
    assert kind is not None
    return place, kind
