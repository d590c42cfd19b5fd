"""The exported scoring against the model that it was made of."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor

from lrdgraph import LatentRelationGraph
from lrdgraph.export import export_scoring
from lrdgraph.models import LRDRec
from lrdgraph.nn.encoder import ENCODERS
from lrdgraph.testing import tiny_shop
from lrdgraph.transforms import Trends

ALONE = """
import json, sys, torch
extra = {"ids.json": ""}
program = torch.export.load(sys.argv[1], extra_files=extra).module()
history = torch.load(sys.argv[2], weights_only=True)
with torch.no_grad():
    torch.save([program(part) for part in history], sys.argv[3])
assert not any(name.startswith(("lrdgraph", "torch_geometric")) for name in sys.modules)
print(extra["ids.json"])
"""


@pytest.fixture(scope="module")
def model() -> LRDRec:
    """Of two layers, with trends, and nowhere zero."""
    data = Trends(num_periods=4)(tiny_shop(num_users=60, num_items=48))
    torch.manual_seed(0)
    graph = LatentRelationGraph(data, num_latent=3)
    model = LRDRec(graph, max_length=8, num_layers=2, trend=data["item"].trend)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
    return model.eval()


@pytest.fixture(scope="module")
def histories(model) -> list[Tensor]:
    """Batches of different sizes, of histories from none to as long as they can be."""
    torch.manual_seed(1)
    batches = []
    for size in (1, 2, model.max_length, 17):
        history = torch.randint(model.num_items, (size, model.max_length))
        length = torch.randint(model.max_length + 1, (size, 1))
        missing = torch.arange(model.max_length) < model.max_length - length
        batches.append(history.masked_fill(missing, model.num_items))
    batches[-1][0] = model.num_items
    batches[-1][1] = 7  # the same item again and again
    return batches


@torch.no_grad()
def best(model: LRDRec, history: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """The best items that are not in the history."""
    scores = torch.nn.functional.pad(model(history), (0, 1))
    scores.scatter_(1, history, -torch.inf)
    found = scores[:, :-1].topk(k)
    return found.values, found.indices


def alone(path: Path, histories: list[Tensor], folder: Path) -> tuple[list, list[str]]:
    """What a process without this library makes of the file."""
    torch.save(histories, folder / "histories.pt")
    arguments = [str(path), str(folder / "histories.pt"), str(folder / "scores.pt")]
    command = [sys.executable, "-c", ALONE, *arguments]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    got = torch.load(folder / "scores.pt", weights_only=True)
    return got, json.loads(done.stdout)


def test_a_program_scores_as_the_model_without_the_library(
    model, histories, tmp_path
) -> None:
    path = tmp_path / "new" / "scoring.pt2"
    with torch.no_grad():
        before = model(histories[-1])
    export_scoring(model.train(), path)
    assert model.training
    assert all(parameter.requires_grad for parameter in model.parameters())
    with torch.no_grad():
        torch.testing.assert_close(model.eval()(histories[-1]), before, rtol=0, atol=0)
    scores, ids = alone(path, histories, tmp_path)
    assert ids == model.graph.ids
    for history, got in zip(histories, scores, strict=True):
        with torch.no_grad():
            torch.testing.assert_close(got, model(history), rtol=0, atol=1e-4)


def test_a_program_gives_the_best_items(
    model, histories, tmp_path, monkeypatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    export_scoring(model, "~/best.pt2", k=5)
    program = torch.export.load(tmp_path / "best.pt2").module()
    for history in histories:
        scores, items = program(history)
        expected = best(model, history, 5)
        torch.testing.assert_close(scores, expected[0], rtol=0, atol=1e-4)
        torch.testing.assert_close(items, expected[1])
        assert scores.numpy().shape == (len(history), 5), "nothing is to be learned"
    ids, items = model.graph.ids, program(histories[0])[1][0].tolist()
    bought = [ids[i] for i in histories[0][0].tolist() if i < model.num_items]
    assert [ids[i] for i in items] == [r.item for r in model.recommend(bought, 5)]


@pytest.fixture(scope="module")
def plain(model) -> LRDRec:
    """A model that knows of no trends."""
    return LRDRec(model.graph, max_length=8).eval()


@pytest.mark.parametrize("trends", [False, True])
def test_a_new_user_gets_what_the_model_recommends(
    model, plain, trends, tmp_path
) -> None:
    asked = model if trends else plain
    path = tmp_path / "best.pt2"
    export_scoring(asked, path, k=asked.num_items)
    history = torch.full((2, 8), asked.num_items)
    history[1, -1] = 3
    scores, items = torch.export.load(path).module()(history)
    for row, known in enumerate(([], asked.graph.ids[3:4])):
        found = zip(items[row].tolist(), scores[row].tolist(), strict=True)
        got = {asked.graph.ids[i]: score for i, score in found if score > -torch.inf}
        expected = asked.recommend(known, k=asked.num_items)
        assert len(got) == asked.num_items - row
        assert got == pytest.approx({r.item: r.score for r in expected}, abs=1e-4)
        assert scores[row].diff().max() <= 0  # what is not finite comes last


@pytest.mark.slow
def test_onnx_knows_new_users(plain, tmp_path) -> None:
    pytest.importorskip("onnxscript", reason="the extra 'onnx' is not installed")
    runtime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    export_scoring(plain, tmp_path / "scoring.onnx")
    session = runtime.InferenceSession(str(tmp_path / "scoring.onnx"))
    history = torch.full((2, 8), plain.num_items)
    history[1, -1] = 3
    (scores,) = session.run(["scores"], {"history": history.numpy()})
    with torch.no_grad():
        expected = torch.stack([plain.graph.popularity.log1p(), plain(history)[1]])
    torch.testing.assert_close(torch.tensor(scores), expected, rtol=0, atol=1e-4)


@pytest.mark.slow
def test_onnx_gives_the_best_items(model, histories, tmp_path) -> None:
    pytest.importorskip("onnxscript", reason="the extra 'onnx' is not installed")
    runtime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    export_scoring(model, tmp_path / "best.onnx", k=20)
    session = runtime.InferenceSession(str(tmp_path / "best.onnx"))
    ids = session.get_modelmeta().custom_metadata_map["ids"]
    assert json.loads(ids) == model.graph.ids
    for history in histories:
        scores, items = session.run(["scores", "items"], {"history": history.numpy()})
        expected = best(model, history, 20)
        torch.testing.assert_close(torch.tensor(scores), expected[0], rtol=0, atol=1e-4)
        torch.testing.assert_close(torch.tensor(items), expected[1])


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted({*ENCODERS} - {"transformer", "tisasrec"}))
def test_other_encoders(model, histories, tmp_path, name) -> None:
    other = LRDRec(model.graph, max_length=8, encoder=name).eval()
    export_scoring(other, tmp_path / "scoring.pt2")
    program = torch.export.load(tmp_path / "scoring.pt2").module()
    for history in histories:
        with torch.no_grad():
            expected, new = other(history), (history == other.num_items).all(dim=1)
            expected[new] = other.graph.popularity.log1p()
            torch.testing.assert_close(program(history), expected, rtol=0, atol=1e-4)


def test_an_encoder_that_needs_times(model, tmp_path) -> None:
    other = LRDRec(model.graph, encoder="tisasrec")
    with pytest.raises(ValueError, match="'time' needs to be given to 'TiSASRec'"):
        export_scoring(other, tmp_path / "scoring.pt2")


def test_what_is_asked_needs_to_be_possible(model, tmp_path) -> None:
    with pytest.raises(ValueError, match=r"'path' needs to end in one of \['.onnx', "):
        export_scoring(model, tmp_path / "scoring.pt")
    for k in (0, model.num_items + 1):
        with pytest.raises(ValueError, match=rf"'k' needs to be 1 to 48 \(got {k}\)"):
            export_scoring(model, tmp_path / "scoring.pt2", k=k)
    assert list(tmp_path.iterdir()) == []
