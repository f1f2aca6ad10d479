"""Run ComfyUI in this process, on the CPU, with this pack loaded as ComfyUI loads it.

The suite needs ComfyUI's own Python; ``python tests/nodes/run.py`` finds it. Elsewhere it is left
out with that reason.
"""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
import torch

from . import golden, made_up
from .browser import why_no_browser
from .comfyui import PACK, find_comfyuis, python_of, version_of
from .evolved import why_no_evolved
from .server import Server, start_server

_FOUND = find_comfyuis()
_OURS = [place for place in _FOUND if python_of(place) == Path(sys.executable)]
COMFYUI = next(iter(_OURS or _FOUND), None)
RUNNABLE = COMFYUI is not None and importlib.util.find_spec("comfy_kitchen") is not None
REASON = (
    "no ComfyUI found: set COMFYUI_DIR, or install it with comfy-cli"
    if COMFYUI is None
    else "these tests need ComfyUI's own Python: python tests/nodes/run.py"
)

NO_BROWSER = why_no_browser()
collect_ignore_glob = [] if RUNNABLE else ["test_*.py"]
if NO_BROWSER:
    collect_ignore_glob += ["test_browser.py", "test_page.py", "test_page_sound.py"]

NO_EVOLVED = why_no_evolved(_FOUND)
if NO_EVOLVED:
    collect_ignore_glob += ["test_animatediff_evolved.py"]

if COMFYUI is not None and not (COMFYUI / "comfy_extras" / "nodes_mediapipe.py").exists():
    collect_ignore_glob += ["test_core_poses.py"]  # older ComfyUIs have no detectors of their own


def pytest_report_header() -> str:
    if not RUNNABLE:
        return f"tests/nodes left out: {REASON}"
    return (
        f"ComfyUI {version_of(COMFYUI)}: {COMFYUI}; tests of the page: {NO_BROWSER or 'yes'}; "
        f"with AnimateDiff-Evolved: {NO_EVOLVED or 'yes'}"
    )


@pytest.fixture(scope="session")
def comfyui(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Start ComfyUI's modules with a base folder of their own; returns that folder."""
    base = tmp_path_factory.mktemp("comfyui")
    for folder in ("models", "input", "output", "custom_nodes"):
        (base / folder).mkdir()
    sys.path.insert(0, str(COMFYUI))
    sys.argv = sys.argv[:1]
    from comfy.cli_args import args

    args.cpu = True
    args.use_pytorch_cross_attention = os.environ.get("MAGICPOSE_TORCH_ATTENTION") == "1"
    args.base_directory = str(base)
    importlib.import_module("utils.extra_config")  # before torchvision brings another utils
    import server
    from aiohttp import web

    class Server:
        routes = web.RouteTableDef()
        client_id = None
        last_node_id = None

        def send_sync(self, *_: object) -> None: ...

        def send_progress_text(self, *_: object) -> None: ...

    server.PromptServer.instance = Server()
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    return base


@pytest.fixture(scope="session")
def pack(comfyui: Path) -> Callable[[str], ModuleType]:
    """Load this pack as ComfyUI does; returns an importer of its modules by their dotted name."""
    import nodes

    assert asyncio.run(nodes.load_custom_node(str(PACK)))
    name = str(PACK).replace(".", "_x_")
    return lambda module: importlib.import_module(f"{name}.{module}")


@pytest.fixture(autouse=True)
def _as_in_a_queue() -> object:
    with torch.inference_mode():
        yield


@pytest.fixture
def notices(pack: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch) -> Iterator[list]:
    """What is shown on a node, as if node 7 were running: (node, text) pairs."""
    import server
    from comfy_execution.utils import CurrentNodeContext

    shown = []

    def send(text: str, node: str, client: str | None = None) -> None:
        shown.append((node, text))

    monkeypatch.setattr(server.PromptServer.instance, "send_progress_text", send)
    with CurrentNodeContext("a prompt", "7"):
        yield shown


@pytest.fixture(scope="session")
def micro(pack: Callable[[str], ModuleType]) -> SimpleNamespace:
    """The small golden checkpoint as ComfyUI's own models."""
    native, sd15 = pack("nodes.native"), pack("magicpose_core.models.sd15")
    unet = sd15.UNetShape(channels=(32, 64, 64, 64), heads=4, context=16)
    control = sd15.ControlNetShape(unet=unet)
    return SimpleNamespace(
        layers=sd15.attention_layers(unet),
        model=native.build_unet(unet, golden.part("model.diffusion_model.")),
        appearance_model=native.build_appearance_unet(
            unet, golden.part("appearance_control_model.")
        ),
        control_net=native.build_control_net(control, golden.part("pose_control_model.")),
    )


@pytest.fixture(scope="session")
def small_server(
    pack: Callable[[str], ModuleType], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """A server whose one model, beside the bundled one, is quick and means nothing."""
    base = tmp_path_factory.mktemp("small")
    small = made_up.networks(pack, (32, 64, 64, 64), "small")
    made_up.save(small, base / "models" / "magicpose" / "model_state-110000.th")
    with start_server(COMFYUI, base) as running:
        yield running


@pytest.fixture
def patched(pack: Callable[[str], ModuleType], micro: SimpleNamespace) -> Callable[..., object]:
    """Apply the golden reference to the small MODEL."""

    def apply(model=None, latents=None, text=None, mask=None, limit=1 << 30, **settings):
        want = golden.numbers("networks")
        reference = pack("nodes.appearance.reference")
        return reference.apply_appearance(
            model or micro.model,
            reference.Reference(
                appearance_model=micro.appearance_model,
                latents=want["reference_latent"] if latents is None else latents,
                text=text,
                mask=mask,
            ),
            pack("nodes.appearance.model_patch").AppearanceSettings(**settings),
            pack("nodes.appearance.features").FeatureCache(limit, torch.device("cpu")),
        )

    return apply


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail a run in which something was skipped though ComfyUI is there (tests/nodes/run.py)."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if "MAGICPOSE_NO_SKIPS" in os.environ and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
