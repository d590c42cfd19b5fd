import json
import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch_geometric.data import HeteroData

from lrdgraph import LatentRelationGraph
from lrdgraph.models import LRDRec
from lrdgraph.pretrained import folder as pretrained_folder
from lrdgraph.testing import HashTextEncoder, make_shop
from lrdgraph.transforms import LeaveOneOut, Normalize, TextKNN, Transitions, Whiten


def shop(*steps) -> HeteroData:
    data = make_shop([[0, 1, 2, 3], [3, 2, 1, 4], [0, 2, 4, 5]], 6)
    for step in (LeaveOneOut(), *steps, TextKNN(3), Transitions()):
        data = step(data)
    return data


def make_model(data: HeteroData, trend=None, **options) -> LRDRec:
    torch.manual_seed(0)
    graph = LatentRelationGraph(data, **{"num_latent": 2, **options}, state_channels=8)
    model = LRDRec(graph, 8, max_length=4, dropout=0.1, trend=trend)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return model.eval()


WITH_FACTS = make_shop([[0, 1, 2, 3]], 6, {"also": [(0, 1), (2, 4)]})


@pytest.fixture
def kept(tmp_path) -> Path:
    make_model(shop()).save_pretrained(tmp_path / "kept")
    return tmp_path / "kept"


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"num_latent": 0},
        {"objective": "lrd"},
        {"objective": "facts", "data": TextKNN(3)(WITH_FACTS)},
        {"trend": torch.rand(6, 3, 2)},
        {"data": shop(Whiten(3), Normalize())},
    ],
)
def test_a_kept_model_comes_back_as_it_was(tmp_path, options):
    model = make_model(**{"data": shop(), **options})
    model.graph.relation_names = {"latent_1": "later: refill | 2-pack"}
    model.save_pretrained(tmp_path)
    other = LRDRec.from_pretrained(tmp_path)
    assert not other.training
    assert other.recommend(["i0", "i3"]) == model.recommend(["i0", "i3"])
    assert other.state_dict().keys() == model.state_dict().keys()
    for name, tensor in other.state_dict().items():
        assert tensor.equal(model.state_dict()[name]), name
    for name in ("ids", "texts", "relations", "relation_names", "window", "encoder"):
        assert getattr(other.graph, name) == getattr(model.graph, name), name
    assert other.arguments == model.arguments
    encoder = HashTextEncoder(8)
    grown = [m.with_items(["new"], ["thing i8"], encoder) for m in (model, other)]
    assert grown[0].recommend(["i0"]) == grown[1].recommend(["i0"])


def test_a_folder_may_be_at_home(kept, monkeypatch):
    monkeypatch.setenv("HOME", str(kept.parent))
    model = LRDRec.from_pretrained("~/kept")
    model.save_pretrained("~/again")
    assert (kept.parent / "again" / "config.json").is_file()
    (kept / "README.md").write_text("my own")
    with pytest.raises(FileExistsError, match="kept/README.md"):
        pretrained_folder.check_card("~/kept")


def test_steps_of_vectors_come_back_in_their_order() -> None:
    found = {f"graph.vector_steps.{n}.mean": torch.tensor([n]) for n in (10, 2, 0, 11)}
    steps = pretrained_folder._vector_steps(found)
    assert [step.mean.item() for step in steps] == [0, 2, 10, 11]


def test_no_user_is_in_the_files_and_nothing_is_pickled(kept):
    names = {"config.json", "model.safetensors", "items.parquet", "README.md"}
    assert {path.name for path in kept.iterdir()} == names
    content = b"".join(path.read_bytes() for path in kept.iterdir())
    assert b"u0" not in content
    assert set(load_file(kept / "model.safetensors"))


@pytest.mark.parametrize("mask", [0o022, 0o077])
def test_who_may_read_one_file_may_read_all(mask, tmp_path):
    before = os.umask(mask)
    try:
        make_model(shop()).save_pretrained(tmp_path)
    finally:
        os.umask(before)
    modes = {oct(path.stat().st_mode & 0o777) for path in tmp_path.iterdir()}
    assert modes == {oct(0o666 & ~mask)}


def test_the_card_tells_of_data_metrics_and_relations(tmp_path):
    model = make_model(shop())
    model.graph.relation_names = {"latent_2": "a|b"}
    model.save_pretrained(
        tmp_path / "pens", data="Pens of 2026.", metrics={"test/NDCG@10": 0.1234}
    )
    card = (tmp_path / "pens" / "README.md").read_text()
    for part in (
        "# pens",
        "Pens of 2026.",
        "| test/NDCG@10 | 0.1234 |",
        "| latent_2 | latent | a\\|b |",
        "| text_knn | observed |  | 18 |",
        "HashTextEncoder(8)",
    ):
        assert part in card, part
    assert card.startswith("---\nlibrary_name: lrdgraph\n")


def test_a_save_that_fails_leaves_the_earlier_model(kept, monkeypatch):
    earlier = LRDRec.from_pretrained(kept).recommend(["i0"])
    torch.manual_seed(1)

    def full_disk(*_):
        raise OSError("No space left on device")

    monkeypatch.setattr(pretrained_folder, "save_file", full_disk)
    with pytest.raises(OSError, match="No space left"):
        make_model(shop(), num_latent=1).save_pretrained(kept)
    assert LRDRec.from_pretrained(kept).recommend(["i0"]) == earlier
    assert len(list(kept.iterdir())) == 4


def change_config(kept: Path, **changes) -> None:
    config = json.loads((kept / "config.json").read_text())
    (kept / "config.json").write_text(json.dumps(config | changes))


def test_a_disk_that_fails_late_leaves_the_earlier_model(kept, monkeypatch):
    before = {path.name: path.read_bytes() for path in kept.iterdir()}
    sync, calls = os.fsync, []

    def fail(handle: int) -> None:
        calls.append(handle)
        if len(calls) > 2:
            raise OSError(5, "Input/output error")
        sync(handle)

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="Input/output"):
        make_model(shop(), num_latent=1).save_pretrained(kept)
    assert {path.name: path.read_bytes() for path in kept.iterdir()} == before


def test_another_text_is_not_replaced_by_a_card(tmp_path):
    (tmp_path / "README.md").write_text("# My project")
    with pytest.raises(FileExistsError, match="is not the card of a model"):
        make_model(shop()).save_pretrained(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["README.md"]


def test_a_model_of_another_minor_version_is_read(kept):
    change_config(kept, version="0.99.7")
    assert LRDRec.from_pretrained(kept).num_items == 6


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"version": "7.0"}, r"a version 0\.x, .* \(got 7\.0\)"),
        ({"library_name": "other"}, r"lrdgraph's LRDRec \(got 'other', 'LRDRec'\)"),
        ({"architecture": "SASRec"}, r"lrdgraph's LRDRec \(got 'lrdgraph', 'SASRec'\)"),
        ({"model": {"hidden_channels": 8, "size": 3}}, r"does not hold what .*'size'"),
        ({"model": {"hidden_channels": 8}}, r"(?s)does not hold what .*mismatch"),
        ({"candidates": {}}, r"does not hold what .*observed_relations"),
        ({"candidates": []}, r"does not hold what"),
        ({"graph": None}, r"does not hold what"),
        ({"model": {"hidden_channels": "x"}}, r"does not hold what"),
        ({"sha256": ["x"]}, r"needs to be the configuration of a model"),
        ({"sha256": {}}, r"items\.parquet' is damaged or belongs to another"),
        ({"sha256": {"../../x": ""}}, r"items\.parquet' is damaged or belongs to"),
    ],
)
def test_another_configuration_is_refused(kept, changes, message):
    change_config(kept, **changes)
    with pytest.raises(ValueError, match=message):
        LRDRec.from_pretrained(kept)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", b"\xff\xfe", b"null"])
def test_what_is_no_configuration_is_refused(kept, content):
    (kept / "config.json").write_bytes(content)
    with pytest.raises(ValueError, match=r"needs to be the configuration of a model"):
        LRDRec.from_pretrained(kept)


@pytest.mark.parametrize("name", ["model.safetensors", "items.parquet"])
def test_damaged_files_are_refused(kept, name):
    content = (kept / name).read_bytes()
    (kept / name).write_bytes(content[:-1])
    with pytest.raises(ValueError, match=rf"'.*{name}' is damaged or belongs to"):
        LRDRec.from_pretrained(kept)
    (kept / name).unlink()
    with pytest.raises(FileNotFoundError, match=rf"got no file '{name}'"):
        LRDRec.from_pretrained(kept)


def test_weights_without_a_tensor_are_refused(kept):
    tensors = load_file(kept / "model.safetensors")
    del tensors["graph.lags"]
    save_file(tensors, kept / "model.safetensors")
    config = json.loads((kept / "config.json").read_text())
    change_config(kept, sha256={**config["sha256"], "model.safetensors": _hash(kept)})
    with pytest.raises(ValueError, match=r"does not hold what .*graph\.lags"):
        LRDRec.from_pretrained(kept)


def _hash(kept: Path) -> str:
    return pretrained_folder.digest_of(kept / "model.safetensors")
