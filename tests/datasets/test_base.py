import functools
import http.server
import os
import threading
from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import pytest
import torch
from torch_geometric.data import HeteroData
from torch_geometric.transforms import BaseTransform, Compose

from lrdgraph.datasets import INTERACTS, ItemDataset, assemble
from lrdgraph.files import download
from lrdgraph.text.vector_step import VectorStep
from lrdgraph.transforms import (
    EmbedText,
    KCore,
    LeaveOneOut,
    Normalize,
    SetVectors,
    Whiten,
)


class Toy(ItemDataset):
    """Reads ``toy.csv`` and counts how often that was needed."""

    builds = 0

    @property
    def raw_urls(self) -> Mapping[str, str | None]:
        return {"toy.csv": None}

    def build(self) -> HeteroData:
        type(self).builds += 1
        interactions = pd.read_csv(self.raw_file("toy.csv"))
        items = pd.DataFrame({"item": interactions["item"].unique(), "text": "thing"})
        return assemble(interactions, items)


class AddColumn(BaseTransform):
    """Has the same ``repr`` whatever it adds, as most of PyG's transforms."""

    def __init__(self, values: torch.Tensor) -> None:
        self.values = values

    def forward(self, data: HeteroData) -> HeteroData:
        data["item"].x = self.values
        return data


@pytest.fixture
def root(tmp_path: Path) -> Path:
    Toy.builds = 0
    folder = tmp_path / "toy"
    folder.mkdir()
    rows = "".join(f"u,{item},{item}\n" for item in range(5))
    (folder / "toy.csv").write_text("user,item,time\n" + rows)
    return folder


def test_second_time_the_stored_data_is_read(root):
    first, second = Toy(root)[0], Toy(root)[0]
    assert Toy.builds == 1
    assert second["item"].id == first["item"].id
    assert second["item"].num_nodes == 5
    assert torch.equal(second[INTERACTS].edge_index, first[INTERACTS].edge_index)
    assert [p.suffix for p in (root / "processed").iterdir()] == [".pt"]


def test_force_reload_builds_anew(root):
    Toy(root)
    Toy(root, force_reload=True)
    assert Toy.builds == 2


def test_raw_folder_is_found(root):
    (root / "raw").mkdir()
    (root / "toy.csv").rename(root / "raw" / "toy.csv")
    assert Toy(root)[0]["item"].num_nodes == 5


def test_changed_raw_file_is_not_served_stale(root):
    Toy(root)
    with (root / "toy.csv").open("a") as file:
        file.write("u,9,9\n")
    assert Toy(root)[0]["item"].num_nodes == 6


def test_changed_pre_transform_is_not_served_stale(root):
    assert "split" not in Toy(root)[0][INTERACTS]
    assert "split" in Toy(root, pre_transform=LeaveOneOut())[0][INTERACTS]
    values = torch.zeros(5, 2000)
    Toy(root, pre_transform=Compose([KCore(1), AddColumn(values)]))
    values = values.index_fill(1, torch.tensor([1000]), 1.0)
    data = Toy(root, pre_transform=Compose([KCore(1), AddColumn(values)]))[0]
    assert torch.equal(data["item"].x, values)
    assert Toy.builds == 4


def test_vectors_of_another_model_in_the_same_place_are_not_served(root):
    class Encoder:
        """Of a folder, in which another model may be put."""

        def __init__(self, fingerprint: str) -> None:
            self.fingerprint = fingerprint

        def __repr__(self) -> str:
            return "Encoder('folder')"

        def __call__(self, texts: list[str]) -> torch.Tensor:
            return torch.full((len(texts), 1), float(self.fingerprint))

    for content in "121":
        data = Toy(root, pre_transform=EmbedText(Encoder(content)))[0]
        assert data["item"].x.unique().item() == float(content)
    assert Toy.builds == 2


def test_pre_transform_that_cannot_be_identified_is_not_stored(root):
    for value in (1.0, 2.0):

        def add(data: HeteroData, value: float = value) -> HeteroData:
            data["item"].x = torch.full((5, 1), value)
            return data

        assert Toy(root, pre_transform=add)[0]["item"].x[0] == value
    assert not (root / "processed").exists()


def test_transform_is_applied_at_access(root):
    dataset = Toy(root, transform=LeaveOneOut())
    assert dataset[0][INTERACTS].split.tolist() == [0, 0, 0, 1, 2]
    assert "split" not in dataset._data[INTERACTS]


def test_broken_stored_file_is_replaced(root):
    path = Path(Toy(root).processed_paths[0])
    path.write_bytes(path.read_bytes()[:100])
    with pytest.warns(UserWarning, match="cannot be read"):
        assert Toy(root)[0]["item"].num_nodes == 5
    assert Toy(root)[0]["item"].num_nodes == 5
    assert Toy.builds == 2


def test_failed_build_leaves_nothing(root):
    def fail(data: HeteroData) -> HeteroData:
        raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        Toy(root, pre_transform=fail)
    assert sorted(p.name for p in root.iterdir()) == ["toy.csv"]


def test_read_only_root_falls_back_to_the_user_cache(root, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    root.chmod(0o555)
    try:
        folder = Path(Toy(root).processed_dir)
        Toy(root)
    finally:
        root.chmod(0o755)
    assert Toy.builds == 1
    assert folder.parent == tmp_path / "cache" / "lrdgraph"
    assert os.listdir(root) == ["toy.csv"]


def test_cache_names_the_folder(root, tmp_path):
    Toy(root, cache=tmp_path / "elsewhere")
    assert len(list((tmp_path / "elsewhere").glob("*.pt"))) == 1
    assert not (root / "processed").exists()


@pytest.fixture
def server(root):
    handler = functools.partial(
        http.server.SimpleHTTPRequestHandler, directory=str(root)
    )
    handler.log_message = lambda *args: None
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as httpd:
        thread = threading.Thread(target=httpd.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{httpd.server_port}"
        httpd.shutdown()
        thread.join()


def test_missing_file_is_downloaded(root, server, tmp_path, monkeypatch):
    urls = property(lambda self: {"toy.csv": f"{server}/toy.csv"})
    monkeypatch.setattr(Toy, "raw_urls", urls)
    data = Toy(tmp_path / "new")[0]
    assert data["item"].num_nodes == 5
    assert os.listdir(tmp_path / "new" / "raw") == ["toy.csv"]


def test_download_of_nothing_leaves_nothing(server, tmp_path):
    with pytest.raises(OSError, match="404"):
        download(f"{server}/nothing.gz", tmp_path / "nothing.gz")
    assert not (tmp_path / "nothing.gz").exists()


class CutOff(http.server.BaseHTTPRequestHandler):
    """Answers in chunks and goes away within one."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:  # noqa: N802  # what the base class calls
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.write(b"10\r\nuser")
        self.close_connection = True

    def log_message(self, *args: object) -> None:
        """Nothing."""


def test_a_download_that_is_cut_off_says_where_to_get_the_file(tmp_path, monkeypatch):
    with http.server.HTTPServer(("127.0.0.1", 0), CutOff) as httpd:
        threading.Thread(target=httpd.handle_request).start()
        url = f"http://127.0.0.1:{httpd.server_port}/toy.csv"
        monkeypatch.setattr(Toy, "raw_urls", {"toy.csv": url})
        with pytest.raises(
            FileNotFoundError, match=rf"IncompleteRead.*get it from {url}"
        ):
            Toy(tmp_path / "new")
    assert os.listdir(tmp_path / "new" / "raw") == []


def test_vectors_and_what_was_done_to_them_are_read_back(root):
    x = torch.randn(5, 4)
    steps = Compose([SetVectors(x), Whiten(2), Normalize()])
    first, second = (Toy(root, pre_transform=steps)[0]["item"] for _ in "12")
    assert Toy.builds == 1
    assert second.x.equal(first.x)
    again = x
    for step in second.vector_steps:
        again = VectorStep(**step)(again)
    assert again.equal(first.x)


@pytest.mark.parametrize(
    "wrap",
    [
        lambda row: row.numpy(),
        lambda row: {"row": row},
        lambda row: row.bfloat16(),
        lambda row: row.numpy().astype(object),
        lambda row: VectorStep(row),
        lambda row: VectorStep(row).forward,
    ],
)
def test_a_pre_transform_is_told_from_others_by_whatever_it_holds(root, wrap):
    one, other = torch.arange(2000.0), torch.arange(2000.0)
    other[1000] = -1
    for place, row in enumerate((one, other, one, other), start=1):
        step = AddColumn(torch.zeros(2, 1))
        step.held = wrap(row)
        Toy(root, pre_transform=step)
        assert min(place, 2) == Toy.builds
