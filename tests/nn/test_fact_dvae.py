import pytest
import torch
from sklearn.metrics import roc_auc_score

from lrdgraph import LatentRelationGraph
from lrdgraph.discovery import discover
from lrdgraph.nn import FactDVAE
from lrdgraph.testing import make_shop
from lrdgraph.transforms import LeaveOneOut
from lrdgraph.typing import PairEvidence

NUM_LATENT, NUM_LAGS = 3, 4


@pytest.fixture
def pairs() -> PairEvidence:
    edge_index = torch.tensor([[0, 1, 2], [1, 0, 5]])
    lags, chance = torch.ones(3, NUM_LAGS), torch.full((3, NUM_LAGS - 1), 0.01)
    observed = torch.tensor([[1.0, 1.0, 0.0], [0.0, 1.0, 0.0], [1.0, 0.0, 1.0]])
    return PairEvidence(edge_index, lags, chance, torch.tensor([4, 3]), observed)


@pytest.fixture
def dvae() -> FactDVAE:
    return FactDVAE(6, 5, NUM_LATENT, NUM_LAGS, ("brand", "text_knn", "also"))


def test_facts_are_explained_as_in_a_naive_loop(dvae, pairs):
    found = dvae.fact_likelihood(pairs.observed[:, [0, 2]])
    probability = dvae.fact.sigmoid()
    assert dvae.facts == ("brand", "also")
    for edge, facts in enumerate(pairs.observed[:, [0, 2]]):
        for r in range(NUM_LATENT + 1):
            expected = 1.0
            for held, p in zip(facts, probability[r], strict=True):
                expected *= p.item() if held else 1 - p.item()
            assert found[edge, r].exp().item() == pytest.approx(expected, rel=1e-5)


def test_habits_and_facts_decide_together(dvae, pairs):
    facts = dvae.fact_likelihood(pairs.observed[:, [0, 2]])
    both = dvae.habit_likelihood(pairs) + facts
    assert torch.allclose(dvae.likelihood(pairs), both)
    posterior = torch.rand(3, NUM_LATENT + 1).softmax(1)
    loss = dvae.relation_loss(posterior, None, pairs)
    expected = -(posterior * both.exp()).sum(1).log().mean()
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)


def test_what_is_foretold_is_a_mean_over_relations(dvae):
    sure = torch.eye(NUM_LATENT + 1)
    assert torch.allclose(dvae.foretell(sure), dvae.fact.sigmoid())
    mixed = dvae.foretell(sure[:2].mean(0, keepdim=True))
    assert torch.allclose(mixed, dvae.fact.sigmoid()[:2].mean(0, keepdim=True))


def test_of_anyone_with_anyone_no_fact_holds(dvae):
    dvae.eval()
    x = torch.randn(8, 6 + 4)
    shared = torch.rand(4, 2)
    loss = dvae.unrelated_loss(x, shared)
    nothing = (1 - dvae.fact.sigmoid()).prod(1)
    edge_index = torch.stack([torch.arange(4), torch.arange(4, 8)])
    posterior = dvae.posterior(dvae.roles(x), edge_index, shared)
    expected = -(posterior @ nothing).log().mean()
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)


def test_a_tenth_of_the_items_is_learned_from_without_counts(dvae):
    x = torch.ones(20_000, 6 + 4)
    seen = dvae.train().without_some_features(x)[:, 6:]
    assert seen.any(1).equal(seen.all(1))  # all counts of an item, or none
    assert seen.any(1).float().mean().item() == pytest.approx(0.9, abs=0.01)
    assert dvae.eval().without_some_features(x).equal(x)


def test_items_without_counts_have_nothing_in_common(dvae):
    edge_index = torch.stack([torch.arange(200), torch.arange(200, 400)])
    x, shared = torch.ones(400, 6 + 4), torch.full((200, 2), 3.0)
    dvae.train().dropout.p = 0.0
    torch.manual_seed(0)
    seen = dvae.without_some_features(x)
    both_known = seen[:, 6:].any(1)[edge_index].all(0)
    assert 120 < both_known.sum() < 190
    shared[~both_known] = 0
    expected = dvae.posterior(dvae.roles(seen), edge_index, shared)
    torch.manual_seed(0)
    found = dvae.training_posterior(x, edge_index, torch.full((200, 2), 3.0))
    assert torch.allclose(found, expected)
    nothing = dvae.posterior(dvae.roles(seen), edge_index)
    assert torch.allclose(found[~both_known], nothing[~both_known])
    assert not torch.allclose(found[both_known], nothing[both_known])


def test_what_two_items_share_foretells_what_texts_do_not():
    num_items = 60
    studio = torch.arange(num_items) % 5
    hidden = torch.rand(num_items, num_items) < 0.2
    hidden = (hidden | hidden.T).fill_diagonal_(False)
    same = (studio.unsqueeze(1) == studio).fill_diagonal_(False)
    pairs = {
        "text_knn": (torch.rand(num_items, num_items) < 0.5).fill_diagonal_(False),
        "studio": same & ~hidden,
    }
    known = {name: there.nonzero().tolist() for name, there in pairs.items()}
    data = LeaveOneOut()(make_shop([[0, 1, 2, 3]], num_items, known))
    data["item"].x = torch.randn(num_items, 16)  # of which no studio is read
    graph = LatentRelationGraph(data, 2, 8, objective="facts")
    discover(graph, 400, progress=False)
    asked = hidden.nonzero().T
    with torch.no_grad():
        foretold = graph.dvae.foretell(graph.infer(asked))[:, 0]
    assert roc_auc_score(same[tuple(asked)], foretold) > 0.95


def test_without_facts_there_is_nothing_to_explain():
    with pytest.raises(ValueError, match=r"needs observed relations.*got none"):
        FactDVAE(6, 5, NUM_LATENT, NUM_LAGS, ("text_knn",))


def test_facts_of_hidden_pairs_are_foretold():
    num_items = 60
    item = torch.arange(num_items)
    brand, refill = item % 10, item >= 40
    same_brand = brand.unsqueeze(1) == brand
    holds = {
        "rival": ~same_brand & (refill.unsqueeze(1) == refill),
        "fits": same_brand & ~refill.unsqueeze(1) & refill,
    }
    hidden = torch.rand(num_items, num_items) < 0.2
    hidden = hidden | hidden.T
    pairs = {"text_knn": torch.rand(num_items, num_items) < 0.5, **holds}
    known = {
        name: (there & ~hidden).fill_diagonal_(False).nonzero().tolist()
        for name, there in pairs.items()
    }
    histories = torch.randint(num_items, (40, 12)).tolist()
    data = LeaveOneOut()(make_shop(histories, num_items, known))
    of_brand, of_role = torch.randn(10, 32), torch.randn(2, 32)
    data["item"].x = of_brand[brand] + of_role[refill.long()]
    graph = LatentRelationGraph(data, 4, 8, objective="facts")
    graph.dvae.dropout.p = 0.0  # each text has but two parts
    discover(graph, 600, progress=False)
    asked = hidden.fill_diagonal_(False).nonzero().T
    with torch.no_grad():
        posterior = graph.infer(asked)
        foretold = graph.dvae.foretell(posterior)
    for fact, probability in zip(graph.dvae.facts, foretold.T, strict=True):
        assert roc_auc_score(holds[fact][tuple(asked)], probability) > 0.7
