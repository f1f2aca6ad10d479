from __future__ import annotations

import contextlib
import hashlib
import logging
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from magicpose_core.errors import (
    CheckpointError,
    InputError,
    MissingDependencyError,
    OutputError,
)
from magicpose_core.pose.detectors.weights import (
    OPENPOSE_BODY,
    PERSON_BOXES,
    WeightFile,
    fetch_weights,
    find_weights,
)

CONTENT = bytes(range(256)) * 64


class Shop(BaseHTTPRequestHandler):
    """Serves CONTENT, in parts when asked; /short breaks off, /none is not there."""

    def do_GET(self) -> None:
        start = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").rstrip("-"))
        if self.path == "/none":
            self.send_error(404)
            return
        end = len(CONTENT) // 2 if self.path == "/short" and not start else len(CONTENT)
        self.send_response(206 if start else 200)
        if self.path == "/endless":
            self.end_headers()
            with contextlib.suppress(ConnectionError):
                while True:
                    self.wfile.write(CONTENT)
        if start:
            shown = 0 if self.path == "/wrong" else start
            self.send_header("Content-Range", f"bytes {shown}-{end - 1}/{len(CONTENT)}")
        self.send_header("Content-Length", str(end - start))
        self.end_headers()
        self.wfile.write(CONTENT[start:end])

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def shop() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Shop)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def offered(url: str, *, content: bytes = CONTENT) -> WeightFile:
    return WeightFile(
        name="tiny.onnx",
        url=url,
        size=len(CONTENT),
        sha256=hashlib.sha256(content).hexdigest(),
        licence="none",
    )


def test_weights_are_found_at_any_depth_in_the_first_folder(tmp_path: Path) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    for folder in (first / "deep" / "deeper", second):
        folder.mkdir(parents=True)
        (folder / PERSON_BOXES.name).touch()
    found = find_weights(PERSON_BOXES, [tmp_path / "none", first, second])
    assert found == first / "deep" / "deeper" / PERSON_BOXES.name


def test_weights_of_other_names_do_when_asked(tmp_path: Path) -> None:
    (tmp_path / "yolox_m_8xb8.onnx").touch()
    assert find_weights(PERSON_BOXES, [tmp_path], patterns=["yolox*.onnx"]).stem == "yolox_m_8xb8"


def test_missing_weights_say_where_to_get_them_and_are_not_fetched(tmp_path: Path) -> None:
    with pytest.raises(MissingDependencyError) as caught:
        find_weights(OPENPOSE_BODY, [tmp_path])
    for part in (str(tmp_path), OPENPOSE_BODY.url, "209 MB", "non-commercial", "download=True"):
        assert part in str(caught.value)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(MissingDependencyError, match="no folder was given"):
        find_weights(OPENPOSE_BODY, [], download=True)


def test_downloads_are_announced_checked_and_complete(
    tmp_path: Path, shop: str, caplog: pytest.LogCaptureFixture
) -> None:
    file = offered(f"{shop}/tiny.onnx")
    with caplog.at_level(logging.WARNING, "magicpose"):
        path = find_weights(file, [tmp_path / "new"], download=True)
    assert path.read_bytes() == CONTENT
    assert [p.name for p in path.parent.iterdir()] == ["tiny.onnx"]
    assert file.sha256 in caplog.text
    assert file.url in caplog.text


def test_broken_downloads_go_on_where_they_stopped(tmp_path: Path, shop: str) -> None:
    file = offered(f"{shop}/short")
    with pytest.raises(MissingDependencyError, match="goes on from there"):
        fetch_weights(file, tmp_path)
    assert (tmp_path / "tiny.onnx.part").stat().st_size == len(CONTENT) // 2
    assert not (tmp_path / "tiny.onnx").exists()
    assert fetch_weights(file, tmp_path).read_bytes() == CONTENT


def test_wrong_content_is_removed(tmp_path: Path, shop: str) -> None:
    with pytest.raises(CheckpointError, match="it was removed"):
        fetch_weights(offered(f"{shop}/tiny.onnx", content=b"other"), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_absent_servers_and_files_are_told_of(tmp_path: Path, shop: str) -> None:
    with pytest.raises(MissingDependencyError, match="cannot be fetched"):
        fetch_weights(offered(f"{shop}/none"), tmp_path)
    with pytest.raises(MissingDependencyError, match="cannot be fetched"):
        fetch_weights(offered("http://127.0.0.1:9/none"), tmp_path)


def test_full_disks_are_told_of_before_anything_is_fetched(tmp_path: Path) -> None:
    huge = WeightFile(name="huge", url="http://127.0.0.1:9/", size=1 << 60, sha256="", licence="")
    with pytest.raises(InputError, match="MB free"):
        fetch_weights(huge, tmp_path)


def test_a_download_stops_at_the_expected_size(tmp_path: Path, shop: str) -> None:
    assert fetch_weights(offered(f"{shop}/endless"), tmp_path).read_bytes() == CONTENT


def test_another_part_than_was_asked_for_is_not_added(tmp_path: Path, shop: str) -> None:
    (tmp_path / "tiny.onnx.part").write_bytes(CONTENT[:100])
    file = offered(f"{shop}/wrong")
    with pytest.raises(MissingDependencyError, match="another part than was asked for"):
        fetch_weights(file, tmp_path)
    assert fetch_weights(file, tmp_path).read_bytes() == CONTENT


def test_downloads_are_not_written_through_links(tmp_path: Path, shop: str) -> None:
    (tmp_path / "victim").write_bytes(b"precious")
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "tiny.onnx.part").symlink_to(tmp_path / "victim")
    with pytest.raises(OutputError, match="is a link and is not written through"):
        fetch_weights(offered(f"{shop}/tiny.onnx"), tmp_path / "new")
    assert (tmp_path / "victim").read_bytes() == b"precious"


def test_what_lies_there_under_the_published_name_is_checked(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = offered("http://127.0.0.1:9/none")
    (tmp_path / file.name).write_bytes(CONTENT)
    assert find_weights(file, [tmp_path]) == tmp_path / file.name
    (tmp_path / file.name).write_bytes(CONTENT[::-1])
    with pytest.raises(CheckpointError, match="not its SHA-256"):
        find_weights(file, [tmp_path])
    (tmp_path / file.name).write_bytes(CONTENT[:100])
    with caplog.at_level(logging.WARNING, "magicpose"):
        assert find_weights(file, [tmp_path]) == tmp_path / file.name
    assert f"has 100 bytes and the published file {len(CONTENT)}" in caplog.text
