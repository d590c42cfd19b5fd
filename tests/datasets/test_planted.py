import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable

import numpy as np
import pytest
import torch
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics import v_measure_score
from torch_geometric.data import HeteroData

from lrdgraph.datasets import PlantedRelations
from lrdgraph.datasets._shopping import HABITS, OF_A_DEVICE

SYMMETRIC = {"substitute", "variant"}
Scorer = Callable[[list[int]], np.ndarray]


@pytest.fixture(scope="module")
def data() -> HeteroData:
    return PlantedRelations()[0]


def gold(data: HeteroData) -> dict[tuple[int, int], str]:
    pairs = zip(*data.gold_edge_index.tolist(), strict=True)
    names = [data.gold_relations[kind] for kind in data.gold_edge_type.tolist()]
    return dict(zip(pairs, names, strict=True))


def histories(data: HeteroData) -> list[list[int]]:
    user, item = data["user", "interacts", "item"].edge_index
    return [part.tolist() for part in item.split(torch.bincount(user).tolist())]


def digest(data: HeteroData) -> str:
    interactions = data["user", "interacts", "item"]
    observed = data["item", "also_bought", "item"].edge_index
    truth = (data.gold_edge_index, data.gold_edge_type)
    tensors = (interactions.edge_index, interactions.time, observed, *truth)
    parts = [*data["item"].text, *(str(tensor.tolist()) for tensor in tensors)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def test_sizes(data: HeteroData) -> None:
    assert data["item"].num_nodes == len(data["item"].text) == 960
    assert data["user"].num_nodes == len(data["user"].id) == 2500
    lengths = [len(history) for history in histories(data)]
    assert (min(lengths), max(lengths)) == (5, 20)
    counts = Counter(gold(data).values())
    assert counts == {
        "refill": 480,  # 20 markets x 2 lines x 3 generations x 4
        "accessory": 240,
        "upgrade": 120,  # 2 of the device and 1 of the companion of 40 lines
        "substitute": 480,
        "complement": 360,
        "variant": 240,
    }


def test_same_seed_same_shop(data: HeteroData) -> None:
    torch.manual_seed(12)
    assert digest(PlantedRelations()[0]) == digest(data)


def test_default_shop_does_not_change_unnoticed(data: HeteroData) -> None:
    # Published numbers stand on the default shop: whoever changes it says so.
    assert digest(data) == "025e3985abd28d27"


def test_other_seed_other_shop(data: HeteroData) -> None:
    other = PlantedRelations(seed=1)[0]
    assert len(set(other["item"].text) & set(data["item"].text)) < 10
    assert not torch.equal(other.gold_edge_index, data.gold_edge_index)
    assert histories(other) != histories(data)


def test_texts_are_unique_and_complete(data: HeteroData) -> None:
    item = data["item"]
    assert len(set(item.text)) == len(set(item.title)) == 960
    for text, title, category, brand in zip(
        item.text, item.title, item.category, item.brand, strict=True
    ):
        assert text == f"{title} {category} {brand}"
        assert brand in title
        assert "{" not in text
        assert "  " not in text
        assert 4 <= len(title.split()) <= 25


@pytest.mark.parametrize("num_items", [48, 100, 5000])
def test_any_catalogue_size(num_items: int) -> None:
    data = PlantedRelations(num_items=num_items, num_users=50)[0]
    assert len(set(data["item"].text)) == num_items
    assert data.gold_edge_index.max() < num_items
    if num_items % 48 == 0:
        assert data.gold_edge_index.size(1) == 96 * num_items // 48


def test_a_pair_has_one_relation_and_its_direction(data: HeteroData) -> None:
    relation = gold(data)
    assert len(relation) == data.gold_edge_index.size(1)
    assert all(source != target for source, target in relation)
    for (source, target), name in relation.items():
        assert relation.get((target, source)) == (name if name in SYMMETRIC else None)
    source = data.gold_edge_index[0]
    assert (source[1:] >= source[:-1]).all()


def test_relations_mean_what_they_say(data: HeteroData) -> None:
    category, brand = data["item"].category, data["item"].brand
    for (source, target), name in gold(data).items():
        same_category = category[source] == category[target]
        same_brand = brand[source] == brand[target]
        if name in ("upgrade", "variant"):
            assert same_category
            assert same_brand
        elif name == "substitute":
            assert same_category
            assert not same_brand
        else:
            assert not same_category
        if name in ("accessory", "complement"):
            assert same_brand
        if name == "refill":
            assert brand[source] in data["item"].title[target]


def test_category_pair_does_not_tell_the_relation(data: HeteroData) -> None:
    category, relation = data["item"].category, gold(data)
    guess = [f"{category[source]} > {category[target]}" for source, target in relation]
    assert v_measure_score(list(relation.values()), guess) < 0.4


def test_truth_is_not_an_observed_relation(data: HeteroData) -> None:
    observed = [kind[1] for kind in data.edge_types if kind[0] == kind[2] == "item"]
    assert sorted(observed) == ["also_bought", "same_brand"]
    relation = gold(data)
    pairs = zip(*data["item", "also_bought", "item"].edge_index.tolist(), strict=True)
    names = [relation.get(pair) for pair in pairs]
    right = sum(name in ("accessory", "complement") for name in names)
    assert 0.65 < right / len(names) < 0.85
    assert 0.2 < right / 600 < 0.4


def test_nobody_buys_twice_and_time_goes_on(data: HeteroData) -> None:
    store = data["user", "interacts", "item"]
    assert all(len(set(history)) == len(history) for history in histories(data))
    user, time = store.edge_index[0], store.time
    pause = (time[1:] - time[:-1])[user[1:] == user[:-1]] / 86_400
    assert pause.min() == 1
    assert pause.max() == 3
    assert time.min() >= 1_577_836_800


def test_popularity_is_skewed(data: HeteroData) -> None:
    count = torch.bincount(data["user", "interacts", "item"].edge_index[1])
    top = count.sort(descending=True).values[:96].sum() / count.sum()
    assert 0.25 < top < 0.6


def follows(data: HeteroData, first: int, last: int) -> Counter[str]:
    """How often each relation leads to an item from one ``first..last`` steps ago."""
    relation = gold(data)
    return Counter(
        relation[history[step - age], item]
        for history in histories(data)
        for step, item in enumerate(history)
        for age in range(first, min(last, step) + 1)
        if (history[step - age], item) in relation
    )


def test_relations_have_their_own_time(data: HeteroData) -> None:
    at_once, soon, late = (follows(data, *ages) for ages in [(1, 1), (3, 4), (8, 9)])
    assert at_once["accessory"] > 10 * at_once["refill"]
    assert soon["complement"] > 10 * soon["accessory"]
    assert soon["refill"] > 10 * at_once["refill"]
    assert late["refill"] > 10 * late["accessory"]
    assert late["upgrade"] > 10 * follows(data, 6, 7)["upgrade"]
    whole = follows(data, 1, 20)
    assert whole["substitute"] < 0.15 * whole["refill"]


def test_without_noise_most_steps_follow_a_relation() -> None:
    def share(noise: float) -> float:
        data = PlantedRelations(noise=noise)[0]
        relation = gold(data)
        return np.mean(
            [
                any((earlier, item) in relation for earlier in history[:step])
                for history in histories(data)
                for step, item in enumerate(history[:10])
                if step > 0
            ]
        )

    assert share(0.0) > 0.7
    assert share(1.0) < 0.25  # popular items meet by chance


def directedness(data: HeteroData) -> float:
    """Share of the directed pairs in histories whose source was bought first."""
    relation = gold(data)
    directed = {pair for pair, name in relation.items() if name not in SYMMETRIC}
    forward = backward = 0
    for history in histories(data):
        for step, item in enumerate(history):
            forward += sum((earlier, item) in directed for earlier in history[:step])
            backward += sum((item, earlier) in directed for earlier in history[:step])
    return forward / (forward + backward)


def test_noise_hides_the_relations(data: HeteroData) -> None:
    assert directedness(data) > 0.8
    assert directedness(PlantedRelations(noise=1.0)[0]) < 0.6


def hit_rate(data: HeteroData, score: Scorer) -> float:
    """HR@10 of the last item among all items not seen, ties against the scorer."""
    hits = []
    for *history, target in histories(data):
        scores = score(history)
        scores[history] = -np.inf
        hits.append((scores >= scores[target]).sum() <= 10)
    return float(np.mean(hits))


class Oracle:
    """Knows the planted relations and, unless told not to look, their time."""

    def __init__(self, data: HeteroData, knows_time: bool) -> None:
        self.num_items = data["item"].num_nodes
        self.knows_time = knows_time
        self.targets = defaultdict(lambda: defaultdict(list))
        for (source, target), name in gold(data).items():
            self.targets[source][name].append(target)

    def weight(self, name: str, age: int) -> float:
        habit = HABITS[name]
        return habit.weight * (habit.first <= age <= habit.last)

    def __call__(self, history: list[int]) -> np.ndarray:
        scores = np.zeros(self.num_items)
        for age, item in enumerate(reversed(history), start=1):
            relations = self.targets[item]
            retired = not set(relations["upgrade"]).isdisjoint(history)
            for name, targets in relations.items():
                if not self.knows_time:
                    scores[targets] += 1 / age
                elif targets and not (retired and name in OF_A_DEVICE):
                    scores[targets] += self.weight(name, age) / len(targets)
        if self.knows_time:
            owned = [
                other for item in history for other in self.targets[item]["substitute"]
            ]
            scores[owned] = 0.0
        return scores


def test_knowing_relations_and_their_time_pays(data: HeteroData) -> None:
    train = [item for history in histories(data) for item in history[:-1]]
    popularity = np.bincount(train, minlength=960).astype(float)
    text = TfidfVectorizer().fit_transform(data["item"].text)
    similarity = (text @ text.T).toarray()
    rate = {
        "popularity": hit_rate(data, lambda history: popularity.copy()),
        "text": hit_rate(data, lambda history: similarity[history[-3:]].sum(axis=0)),
        "untyped": hit_rate(data, Oracle(data, knows_time=False)),
        "oracle": hit_rate(data, Oracle(data, knows_time=True)),
    }
    assert rate["oracle"] > 1.2 * rate["untyped"]
    assert rate["untyped"] > rate["text"]
    assert rate["oracle"] > 2 * rate["text"]
    assert rate["oracle"] > 5 * rate["popularity"]
