"""Be a user whom permissions bind: root reads and writes whatever they say."""

from __future__ import annotations

import ctypes
import os

# From linux/capability.h.
_VERSION = 0x20080522
_PASSING_OVER_PERMISSIONS = (1, 2)  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("process", ctypes.c_int))


def obey_permissions() -> None:
    """Give up root's right to pass over permissions, for the rest of this process's life."""
    if os.geteuid() != 0:
        return
    system = ctypes.CDLL(None, use_errno=True)
    header = _Header(_VERSION, 0)
    # effective, permitted, inheritable; then the same for the capabilities from 32 on
    sets = (ctypes.c_uint32 * 6)()
    _check(system.capget(ctypes.byref(header), sets))
    for kind in range(3):
        for capability in _PASSING_OVER_PERMISSIONS:
            sets[kind] &= ~(1 << capability)
    _check(system.capset(ctypes.byref(header), sets))


def _check(code: int) -> None:
    if code != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
