"""Relations that were planted by hand, and everything counted the slow way."""

import re
from collections import Counter
from itertools import permutations

import pytest
import torch
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS
from torch_geometric.data import HeteroData

from lrdgraph import LatentRelationGraph
from lrdgraph.describe import Description, describe, overview
from lrdgraph.testing import make_shop, tiny_shop
from lrdgraph.typing import TRAIN

BRANDS = "Acme Borg Corx Dyna Etna Flux Gala Hexa Ilmo Jupe".split()
NUM_BRANDS = len(BRANDS)
REFILL, RETURN, RIVAL, UNUSED = range(1, 5)


def printers() -> HeteroData:
    """Printers 0 to 9 and the cartridges 10 to 19 of the same brands."""
    refills = [(brand, brand + NUM_BRANDS) for brand in range(NUM_BRANDS)]
    rivals = list(permutations(range(NUM_BRANDS), 2))
    relations = {
        "refill": refills[:5],
        "seen": [*refills, *((j, i) for i, j in refills), *rivals],
    }
    histories = [[i, j] for i, j in refills] + [[0, 1, 2, 10]]
    data = make_shop(histories, 2 * NUM_BRANDS, relations)
    data["user", "interacts", "item"].split = torch.full((24,), TRAIN)
    data["item"].title = [f"{brand}\n laser printer" for brand in BRANDS] + [
        f"{brand} ink  refill, for the printer" for brand in BRANDS
    ]
    data["item"].brand = [*BRANDS[:9], ""] * 2
    return data


@pytest.fixture(scope="module")
def described() -> list[Description]:
    data = printers()
    graph = LatentRelationGraph(data, num_latent=UNUSED)
    graph.posterior = lambda edge_id: planted(graph)[edge_id]
    return describe(graph, data)


def planted(graph: LatentRelationGraph) -> torch.Tensor:
    """A printer leads to its refill, that back to it, and a printer to its rivals."""
    source, target = graph.edge_index
    outcome = torch.where(
        target >= NUM_BRANDS, REFILL, torch.where(source >= NUM_BRANDS, RETURN, RIVAL)
    )
    sure = 0.6 + source.float() / 100
    posterior = ((1 - sure) / UNUSED).unsqueeze(1).repeat(1, UNUSED + 1)
    return posterior.scatter(1, outcome.unsqueeze(1), sure.unsqueeze(1))


def test_shares_and_confidence(described: list[Description]) -> None:
    assert [one.num_pairs for one in described] == [10, 10, 90, 0]
    assert [one.share for one in described] == pytest.approx(
        [1 / 11, 1 / 11, 9 / 11, 0]
    )
    sure = [one.confidence for one in described]
    assert sure == pytest.approx([0.645, 0.745, 0.645, 0])


def test_direction(described: list[Description]) -> None:
    assert [one.symmetry for one in described] == [0, 0, 1, None]


def test_names(described: list[Description]) -> None:
    names = [one.name for one in described]
    assert names[0] == "next: ink, refill"
    assert names[1] == "rarely: laser"  # nobody buys a printer after its cartridge
    assert names[2] == "rarely: other brand"
    assert names[3] == "latent_4"


def test_a_relation_that_goes_both_ways_is_named_by_shared_words() -> None:
    kinds = range(10), range(10, 20)
    pairs = [pair for kind in kinds for pair in permutations(kind, 2)]
    data = make_shop([[0, 1]], 20, {"seen": pairs})
    data["item"].title = [f"red pen {i}" for i in range(10)]
    data["item"].title += [f"blue ink {i}" for i in range(10)]
    graph = LatentRelationGraph(data, num_latent=2)
    outcome = 1 + (graph.edge_index[0] >= 10).long()
    graph.posterior = lambda edge_id: torch.eye(3)[outcome[edge_id]]
    names = [set(one.name.split(", ")) for one in describe(graph, data)]
    assert names == [{"red", "pen"}, {"blue", "ink"}]


def test_words(described: list[Description]) -> None:
    assert set(described[0].gained) == set(described[1].lost) == {"ink", "refill"}
    assert set(described[0].lost) == set(described[1].gained) == {"laser"}
    assert described[2].gained == described[2].lost == ()


def test_habits(described: list[Description]) -> None:
    refill, back, rival, unused = (one.habits for one in described)
    # i0 had two shoppers and the other printers one, i1 and i2 one more
    assert refill.came == pytest.approx(11 / 13)
    assert refill.lags == pytest.approx((10 / 11, 0, 1 / 11, 0, 0, 0))
    assert refill.lift == pytest.approx(11 / 13 / (14 / 141))
    assert back.came == 0
    assert back.lags == (0,) * 6
    assert rival.came == pytest.approx(3 / 117)
    assert rival.lags == pytest.approx((2 / 3, 1 / 3, 0, 0, 0, 0))
    assert unused is None


def test_overlaps(described: list[Description]) -> None:
    found = {o.name: o for o in described[0].overlaps}
    assert list(found) == ["refill", "same brand", "seen"]
    assert found["refill"][1:] == pytest.approx((1 / 2, 11))
    assert found["same brand"][1:] == pytest.approx((9 / 10, 9 / 10 / (18 / 110)))
    assert found["seen"][1:] == pytest.approx((1, 1))


def test_exemplars_are_the_surest_without_repetition(
    described: list[Description],
) -> None:
    pairs = [(e.head, e.tail) for e in described[0].exemplars]
    assert pairs == [(f"i{n}", f"i{n + 10}") for n in (9, 8, 7, 6, 5)]
    first = described[0].exemplars[0]
    assert first.head_title == "Jupe laser printer"
    assert first.tail_title == "Jupe ink refill, for the printer"
    assert first.probability == pytest.approx(0.69)
    rivals = [item for e in described[2].exemplars for item in (e.head, e.tail)]
    assert len(rivals) == len(set(rivals)) == 10


def test_one_can_read_it(described: list[Description]) -> None:
    assert str(described[0]).splitlines() == [
        "latent_1  next: ink, refill",
        "    10 pairs (9.1%), 64% sure, 0% go back as the same relation",
        "    84.6% of the heads' shoppers come to the tail (8.5 × the usual), "
        "91% of them 1 purchase later",
        "    overlaps: refill 50% (× 11.0), same brand 90% (× 5.5), seen 100% (× 1.0)",
        "    tails gain: ink, refill",
        "    tails lose: laser",
        "    0.69  Jupe laser printer -> Jupe ink refill, for the printer",
        "    0.68  Ilmo laser printer -> Ilmo ink refill, for the printer",
        "    0.67  Hexa laser printer -> Hexa ink refill, for the printer",
        "    0.66  Gala laser printer -> Gala ink refill, for the printer",
        "    0.65  Flux laser printer -> Flux ink refill, for the printer",
    ]
    assert str(described[3]).splitlines()[1] == "    0 pairs (0.0%), 0% sure"
    table = overview(described)
    assert list(table.index) == [f"latent_{k}" for k in range(1, 5)]
    assert table.loc["latent_3", "name"] == "rarely: other brand"


@pytest.fixture(scope="module")
def shop() -> tuple[HeteroData, LatentRelationGraph]:
    data = tiny_shop(num_users=60, num_items=48)
    torch.manual_seed(0)
    graph = LatentRelationGraph(data, num_latent=3)
    torch.nn.init.normal_(graph.dvae.outcome.weight, std=3)  # each relation has pairs
    return data, graph


def test_the_slow_way_counts_the_same(shop) -> None:
    data, graph = shop
    for outcome, one in enumerate(describe(graph, data), start=1):
        static = graph.static.nonzero().squeeze(1)
        label = graph.posterior(static).argmax(1)
        pairs = {
            tuple(graph.edge_index[:, place].tolist()): (int(place), int(r))
            for place, r in zip(static, label, strict=True)
        }
        own = [pair for pair, (_, r) in pairs.items() if r == outcome]
        assert one.num_pairs == len(own) > 0
        back = [pairs[j, i][1] == outcome for i, j in own if (j, i) in pairs]
        assert one.symmetry == pytest.approx(sum(back) / len(back))
        lags = sum(graph.lags[pairs[pair][0]] for pair in own)
        assert one.habits.came == pytest.approx(float(1 - lags[-1] / lags.sum()))
        for name, share, lift in one.overlaps:
            if name.startswith("same "):
                values = data["item"][name[5:]]
                holds = [p for p in pairs if values[p[0]] == values[p[1]] != ""]
            elif name == "transition":
                holds = [p for p in pairs if graph.transitions[pairs[p][0]] > 0]
            else:
                known = data["item", name, "item"].edge_index
                holds = set(map(tuple, known.t().tolist()))
            assert share == pytest.approx(len({*holds} & {*own}) / len(own))
            assert lift == pytest.approx(share / (len(holds) / len(pairs)))
        z = change(data["item"].title, own)
        surest = sorted((v for v in z.values() if v >= 3), reverse=True)
        assert [z[word] for word in one.gained] == pytest.approx(surest[:8])
        surest = sorted(v for v in z.values() if v <= -3)
        assert [z[word] for word in one.lost] == pytest.approx(surest[:8])


def change(titles: list[str], own: list[tuple[int, int]]) -> dict[str, float]:
    """For each word that more tails than heads have, or fewer: how sure that is."""
    words = [set(re.findall(r"\w[\w'-]*\w", title.lower())) for title in titles]
    gain = Counter(w for i, j in own for w in words[j] - words[i])
    loss = Counter(w for i, j in own for w in words[i] - words[j])
    return {
        word: (gain[word] - loss[word]) / (gain[word] + loss[word]) ** 0.5
        for word in {*gain, *loss} - ENGLISH_STOP_WORDS
    }


def test_without_data_the_texts_are_titles(shop) -> None:
    data, graph = shop
    bare, full = describe(graph), describe(graph, data)
    for one, other in zip(bare, full, strict=True):
        assert one.exemplars[0].head == other.exemplars[0].head
        assert (
            one.exemplars[0].head_title
            == graph.texts[graph.index(one.exemplars[0].head)]
        )
        assert not any(o.name.startswith("same ") for o in one.overlaps)


def test_without_histories_there_are_no_habits() -> None:
    pairs = [(0, 1), (1, 2), (2, 3)]
    data = make_shop([[0]], 4, {"near": pairs})
    data["item"].text = ["a", "", "!", "the"]  # not one word among them
    graph = LatentRelationGraph(data, num_latent=2)
    for one in describe(graph, data):
        assert one.habits is None
        assert one.gained == one.lost == ()
        assert one.name == one.relation
    titles = {
        title
        for one in describe(graph, num_exemplars=3)
        for e in one.exemplars
        for title in (e.head_title, e.tail_title)
    }
    assert "" not in titles


def test_refusals(shop) -> None:
    data, graph = shop
    with pytest.raises(ValueError, match="needs latent relations to describe"):
        describe(LatentRelationGraph(data, num_latent=0))
    other = tiny_shop(num_users=60, num_items=96)
    with pytest.raises(ValueError, match=r"needs the 48 items .* \(got 96 items"):
        describe(graph, other)
