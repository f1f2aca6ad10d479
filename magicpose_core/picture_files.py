"""Picture files of unknown origin as 8-bit RGB: few formats, bounded memory, errors in words."""

from __future__ import annotations

import logging
import math
import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.TiffImagePlugin import TiffImageFile

from .errors import InputError
from .files import regular_file

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")
# No more: Pillow would start other programs for some (PostScript), and few of its readers are
# as well tried as these. MPO, two JPEGs in one file, is opened as JPEG.
_FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF")
_SHRUNK_ABOVE = 36_000_000  # pixels; as 32-bit numbers they take 0.4 GB
# Pixels of kinds whose decoders may take more than 11 bytes for each: of WebP 16, of JPEG in a TIFF
# 14, and 12 of a progressive JPEG of four channels and of four channels of 16 bits in a TIFF.
_LARGEST = {
    "WebP": 50_000_000,
    "TIFF with JPEG inside": 50_000_000,
    "TIFF of more than 48 bits a pixel": 70_000_000,
    "JPEG in CMYK": 70_000_000,
}
_BITS_PER_SAMPLE = 258  # a tag of TIFF
_ORIENTATION = 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

_log = logging.getLogger("magicpose")


def read_pixels(path: Path) -> NDArray[np.uint8]:
    """Read a picture, turned upright by its EXIF orientation; transparency becomes black.

    A picture of more than 36 megapixels is made smaller by a whole number, with a warning.

    Returns:
        (H, W, 3) RGB.

    Raises:
        InputError: The file is absent, damaged, too large, or no picture of a format that is read
            (PNG, JPEG, WebP, BMP, TIFF, GIF, MPO).
    """
    path = regular_file(Path(path))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # on odd metadata: what matters is raised
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path, formats=_FORMATS) as opened:
                pixels = np.array(_in_rgb(_upright(_shrunk(opened, path), opened, path)))
                if _has_more(opened):
                    _log.warning("%s holds several pictures; the first one is taken", path)
    except (FileNotFoundError, IsADirectoryError) as error:
        raise InputError(f"no picture at {path}; check the path") from error
    except Image.UnidentifiedImageError as error:
        raise InputError(
            f"{path} cannot be read as a picture: it is damaged or of another format; save it as "
            "PNG or JPEG"
        ) from error
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise InputError(
            f"{path} cannot be read as a picture: it has more than {Image.MAX_IMAGE_PIXELS} "
            "pixels; make it smaller"
        ) from error
    except Exception as error:
        raise InputError(
            f"{path} cannot be read as a picture ({_reason(error)}); save it again as PNG or JPEG"
        ) from error
    return pixels


def _shrunk(picture: Image.Image, path: Path) -> Image.Image:
    """Decode, and make what is huge smaller before anything else is done to it."""
    count = picture.width * picture.height
    kind = _costly_kind(picture)
    if kind is not None and count > _LARGEST[kind]:
        raise ValueError(f"it is a {kind} of more than {_LARGEST[kind]} pixels")
    picture.load()
    plain = _in_eight_bits(picture)
    if "transparency" in picture.info:
        plain = plain.convert("RGBA")
    if count <= _SHRUNK_ABOVE:
        return plain
    factor = math.ceil(math.sqrt(count / _SHRUNK_ABOVE))
    _log.warning("%s has %d pixels and is read at 1/%d of its size", path, count, factor)
    return (plain.convert("RGB") if plain.mode in ("1", "P") else plain).reduce(factor)


def _costly_kind(picture: Image.Image) -> str | None:
    if isinstance(picture, TiffImageFile):
        if picture.info.get("compression") in ("jpeg", "tiff_jpeg"):
            return "TIFF with JPEG inside"
        deep = sum(picture.tag_v2.get(_BITS_PER_SAMPLE, (1,))) > 48
        return "TIFF of more than 48 bits a pixel" if deep else None
    if picture.format == "WEBP":
        return "WebP"
    return "JPEG in CMYK" if picture.mode == "CMYK" else None


def _in_eight_bits(picture: Image.Image) -> Image.Image:
    """Scale 16-bit grey, which Pillow would clip to white at 255; 8 bits stay as they are."""
    if picture.mode == "F":
        raise ValueError("its pixels are floating point numbers of an unknown range")
    if not picture.mode.startswith("I"):
        return picture
    levels = np.asarray(picture)
    if levels.min() < 0 or levels.max() > 0xFFFF:
        raise ValueError("its pixels have 32 bits of an unknown range")
    return Image.fromarray((levels // 257).astype(np.uint8))


def _upright(picture: Image.Image, opened: Image.Image, path: Path) -> Image.Image:
    try:
        turn = _TURNS.get(opened.getexif().get(_ORIENTATION, 1))
    except Exception as error:  # noqa: BLE001 - Pillow raises anything on damaged EXIF data
        _log.warning("%s has damaged EXIF data (%s); it is not turned", path, _reason(error))
        return picture
    return picture if turn is None else picture.transpose(turn)


def _in_rgb(picture: Image.Image) -> Image.Image:
    if "A" in picture.getbands() or "transparency" in picture.info:
        return Image.alpha_composite(
            Image.new("RGBA", picture.size, (0, 0, 0, 255)), picture.convert("RGBA")
        ).convert("RGB")
    return picture.convert("RGB")


def _has_more(opened: Image.Image) -> bool:
    if opened.format in ("MPO", "JPEG"):  # the same scene again, for other screens
        return False
    try:
        opened.seek(1)
    except Exception:  # noqa: BLE001 - the first picture is whole: the next may be what it likes
        return False
    return True


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__
