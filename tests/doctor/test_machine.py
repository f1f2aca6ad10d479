from __future__ import annotations

import importlib.metadata
import shutil

import torch

from magicpose_core.doctor import machine
from magicpose_core.doctor.findings import Finding, section, verdict


def test_versions_are_all_there_and_nothing_is_wrong_here():
    found = machine.versions()
    assert {finding.what for finding in found} >= {*machine.NEEDED, *machine.OPTIONAL, "opencv"}
    assert not any(finding.wrong for finding in found)


def test_an_absent_package_is_wrong_where_it_is_needed_alone(monkeypatch):
    def absent(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", absent)
    found = {finding.what: finding for finding in machine.versions()}
    assert found["diffusers"].remedy == "pip install diffusers"
    assert not found["onnxruntime"].wrong
    assert "the detector dwpose needs it" in found["onnxruntime"].seen


def test_two_opencvs_are_told(monkeypatch):
    monkeypatch.setattr(machine, "_version", lambda name: "4.10" if "contrib" not in name else None)
    finding = machine._opencv()
    assert "opencv-python 4.10, opencv-python-headless 4.10: they overwrite" in finding.seen
    assert not finding.wrong


def test_a_gpu_that_pytorch_does_not_see_is_wrong(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    (finding,) = machine._idle_gpu()
    assert finding.wrong


def test_a_full_disk_is_told_and_harmless(monkeypatch):
    usage = shutil.disk_usage(".")
    monkeypatch.setattr(shutil, "disk_usage", lambda place: usage._replace(free=10))
    disks = [finding for finding in machine.memory_and_disk() if finding.what.startswith("disk")]
    assert len(disks) == 2
    assert all(finding.remedy and not finding.wrong for finding in disks)


def test_the_report_marks_what_is_wrong():
    findings = [Finding(what="a", seen="x"), Finding(what="b", seen="y", remedy="do z")]
    assert section("Title", findings) == "Title\n  a: x\n  WRONG b: y\n    -> do z"
    assert verdict(findings) == "1 thing is wrong: b"
    assert verdict(findings[:1]) == "nothing is wrong"
