"""Items that nobody has bought are recommended for what shoppers do with others."""

import pandas as pd
import pytest
import torch
from torch_geometric.transforms import Compose

from lrdgraph import LatentRelationGraph
from lrdgraph.data.datamodule import SequenceDataModule
from lrdgraph.datasets import assemble
from lrdgraph.explain import LENT, explain
from lrdgraph.export import Scoring
from lrdgraph.models import LRDRec
from lrdgraph.testing import HashTextEncoder
from lrdgraph.transforms import (
    EmbedText,
    LeaveOneOut,
    Normalize,
    TextKNN,
    Transitions,
)

BRANDS = [f"brand{number}" for number in range(20)]
LATER = BRANDS[::5]  # the strap of each arrives when everything is learned
TEXTS = {
    "camera": "digital zoom camera for photos",
    "strap": "soft leather strap",
    "bag": "padded bag",
}
ENCODER = HashTextEncoder(48)


def text(kind: str, brand: str) -> str:
    return f"{TEXTS[kind]} {brand}"


def purchases() -> pd.DataFrame:
    """Whoever buys a camera buys the strap of its brand next, then some bags."""
    rows = []
    for user in range(400):
        brand, bags = (
            BRANDS[user % 20],
            [f"bag {BRANDS[user * n % 20]}" for n in (3, 7)],
        )
        strap = [] if brand in LATER else [f"strap {brand}"]
        for item in (f"camera {brand}", *strap, *bags):
            rows.append((f"u{user}", item, len(rows)))
    return pd.DataFrame(rows, columns=["user", "item", "time"])


@pytest.fixture(scope="module")
def model() -> LRDRec:
    names = [
        (f"{kind} {brand}", text(kind, brand))
        for kind in TEXTS
        for brand in BRANDS
        if kind != "strap" or brand not in LATER
    ]
    data = assemble(purchases(), pd.DataFrame(names, columns=["item", "text"]))
    steps = [LeaveOneOut(), EmbedText(ENCODER), Normalize(), TextKNN(20), Transitions()]
    data = Compose(steps)(data)
    torch.manual_seed(1)
    model = LRDRec(LatentRelationGraph(data, 4, 16), 16, max_length=4, dropout=0.1)
    batches = SequenceDataModule(data, 4, 64).train_dataloader()
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-2)
    for _ in range(20):
        for batch in batches:
            optimizer.zero_grad()
            torch.stack(list(model.loss(batch).values())).sum().backward()
            optimizer.step()
    return model.eval()


@pytest.fixture(scope="module")
def grown(model) -> LRDRec:
    ids = [f"strap {brand}" for brand in LATER]
    return model.with_items(ids, [text("strap", brand) for brand in LATER], ENCODER)


@pytest.mark.parametrize("brand", LATER)
def test_what_follows_comes_before_what_is_alike(grown, brand):
    camera, strap = f"camera {brand}", f"strap {brand}"
    found = [entry.item for entry in grown.recommend([camera], k=grown.num_items)]
    near = torch.nn.functional.normalize(grown.graph.x) @ grown.graph.x.T
    order = near[grown.graph.index(camera)].argsort(descending=True).tolist()
    assert order.index(grown.graph.index(strap)) > 15  # all cameras are nearer
    assert found.index(strap) < 15


def test_most_of_what_follows_is_among_the_first_ten(grown):
    first = [
        [entry.item for entry in grown.recommend([f"camera {brand}"], k=10)]
        for brand in LATER
    ]
    hits = [f"strap {b}" in items for b, items in zip(LATER, first, strict=True)]
    assert sum(hits) >= 3  # of 4


def test_known_items_lose_nothing(model, grown):
    def hits(shop: LRDRec) -> int:
        """Straps that are the first thing recommended after their camera."""
        return sum(
            shop.recommend([f"camera {brand}"], k=1)[0].item == f"strap {brand}"
            for brand in BRANDS
            if brand not in LATER
        )

    assert hits(model) >= 14  # of 16
    assert hits(grown) >= hits(model)


def test_what_was_bought_of_it_is_a_reason(grown):
    strap = f"strap {LATER[0]}"
    reasons = [r for found in grown.recommend([strap]) for r in found.reasons]
    assert {reason.item for reason in reasons} == {strap}


def test_a_lent_transition_is_told_as_such(grown):
    """The strap of a brand follows its camera; a new strap reads like that strap."""
    graph = grown.graph
    history = torch.tensor([graph.index("camera brand1")])
    item = torch.tensor([graph.index("strap brand0"), graph.index("strap brand1")])
    new, known = explain(grown, history, item, num_reasons=20)
    assert "transition" not in {reason.relation for reason in new}
    assert "transition" in {reason.relation for reason in known}
    assert [r.probability for r in new if r.relation == LENT] == [0]


@torch.no_grad()
def test_a_program_and_a_kept_model_score_them_alike(grown, tmp_path):
    graph = grown.graph
    history = torch.full((2, 4), graph.num_items)
    for row, item in enumerate(["camera brand0", "strap brand5"]):
        history[row, -1] = graph.index(item)
    expected = grown(history)
    assert torch.allclose(Scoring(grown)(history), expected, atol=1e-5)
    grown.save_pretrained(tmp_path)
    assert LRDRec.from_pretrained(tmp_path)(history).equal(expected)
