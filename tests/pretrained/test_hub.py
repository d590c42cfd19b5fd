"""Against the hub's client itself; uploads go to a stand-in, as there is no network."""

import shutil
from pathlib import Path

import pytest
import torch
from huggingface_hub import constants

from lrdgraph import LatentRelationGraph
from lrdgraph.cli import main
from lrdgraph.cli.settings import Settings, open_model
from lrdgraph.models import LRDRec
from lrdgraph.pretrained import hub
from lrdgraph.testing import make_shop
from lrdgraph.text import EndpointEncoder
from lrdgraph.transforms import TextKNN

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def model() -> LRDRec:
    torch.manual_seed(0)
    graph = LatentRelationGraph(TextKNN(2)(make_shop([[0, 1, 2]], 5)), 1, 8)
    return LRDRec(graph, 8).eval()


@pytest.fixture
def offline(monkeypatch, tmp_path) -> Path:
    """The hub's cache on a machine without a network."""
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "hub"


def test_a_model_that_was_downloaded_needs_no_network(model, offline):
    repository = offline / "models--shop--pens"
    model.save_pretrained(repository / "snapshots" / COMMIT)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(COMMIT)
    found = LRDRec.from_pretrained("shop/pens")
    assert found.recommend(["i0"]) == model.recommend(["i0"])
    assert LRDRec.from_pretrained("shop/pens", COMMIT).num_items == 5


def test_what_the_command_line_remembers_is_downloaded_too(
    model, monkeypatch, tmp_path
):
    """Columns and text model come along with the model that needs them."""
    asked = {}

    def download(name: str, revision: str | None, allow_patterns: list[str]) -> str:
        asked[name] = allow_patterns
        return str(tmp_path)

    monkeypatch.setattr(hub, "snapshot_download", download)
    model.save_pretrained(tmp_path)
    Settings(encoder="mini", item_column="SKU").write(tmp_path)
    _, settings = open_model("shop/pens")
    assert {file.name for file in tmp_path.iterdir()} == set(asked["shop/pens"])
    assert (settings.encoder, settings.item_column) == ("mini", "SKU")


def test_texts_go_to_no_server_that_only_a_folder_names(
    model, monkeypatch, tmp_path, capsys
):
    """Nor does the user's key."""

    class SentError(Exception):
        """The texts are on their way."""

    def send(*_: object) -> None:
        raise SentError

    url = "http://localhost:9/v1"
    model.graph.encoder = f"{url} mini"
    model.save_pretrained(tmp_path / "theirs")
    Settings(encoder="mini", endpoint=url).write(tmp_path / "theirs")
    monkeypatch.setattr(hub, "snapshot_download", lambda *_, **__: tmp_path / "theirs")
    monkeypatch.setattr(EndpointEncoder, "__call__", send)
    (tmp_path / "new.csv").write_text("item_id,title\nNEW,Ink\n")
    (tmp_path / "bought.csv").write_text("user_id,item_id,time\n")
    tables = ["--items", str(tmp_path / "new.csv"), "--out", str(tmp_path / "m")]
    known = ["--interactions", str(tmp_path / "bought.csv")]
    for command in (
        ["add", "shop/pens", *tables],
        ["train", "--continue-from", "shop/pens", *known, *tables],
        ["add", str(tmp_path / "theirs"), *tables],  # downloaded by hand
    ):
        assert main(command) == 2
        assert f"if you trust it, give --endpoint {url}" in capsys.readouterr().err
    with pytest.raises(SentError):
        main(["add", "shop/pens", *tables, "--endpoint", url])


@pytest.mark.parametrize("name", ["shop/pens", "no/such/folder", "nothing here"])
def test_a_model_that_is_nowhere_is_named(offline, name):
    with pytest.raises(FileNotFoundError, match=f"there is no folder '{name}'"):
        LRDRec.from_pretrained(name)


class FakeHub:
    """Keeps what is uploaded in a folder."""

    root: Path

    def create_repo(self, repo_id: str, private: bool, exist_ok: bool) -> None:
        (self.root / repo_id).mkdir(parents=True, exist_ok=exist_ok)

    def upload_folder(self, repo_id: str, folder_path: str, commit_message: str) -> str:
        shutil.copytree(folder_path, self.root / repo_id, dirs_exist_ok=True)
        return f"https://hub/{repo_id}/commit/1"


def test_what_is_pushed_can_be_read(model, monkeypatch, tmp_path):
    monkeypatch.setattr(FakeHub, "root", tmp_path, raising=False)
    monkeypatch.setattr(hub, "HfApi", FakeHub)
    address = model.push_to_hub("shop/pens", metrics={"HR@10": 0.5})
    assert address == "https://hub/shop/pens/commit/1"
    found = LRDRec.from_pretrained(tmp_path / "shop" / "pens")
    assert found.recommend(["i0"]) == model.recommend(["i0"])
    card = (tmp_path / "shop" / "pens" / "README.md").read_text()
    assert 'from_pretrained("shop/pens")' in card
    assert "| HR@10 | 0.5000 |" in card
