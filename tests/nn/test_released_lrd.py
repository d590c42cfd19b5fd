import math

import pytest
import torch

from lrdgraph import LatentRelationGraph
from lrdgraph.nn.released_lrd import ReleasedLRD
from lrdgraph.testing import tiny_shop

N, C, KNOWN, LATENT = 7, 5, 3, 2


@pytest.fixture
def dvae() -> ReleasedLRD:
    torch.manual_seed(0)
    dvae = ReleasedLRD(4, C, LATENT, KNOWN, hidden_channels=3)
    for parameter in dvae.parameters():
        torch.nn.init.normal_(parameter)
    return dvae


def naive_posterior(dvae, x, source, target):
    pair = torch.cat([dvae.project(x[source]), dvae.project(x[target])])
    return dvae.extract(pair).softmax(0)


def naive_loss(dvae, x, vector, relation, history, target, other, first):
    """The authors' lrd_forward for padding-free entropy, pair by pair."""
    logs, entropies = [], []
    for row, goal in enumerate(target.tolist()):
        won = []
        for item, fake in zip(history[row], other[row], strict=True):
            q = naive_posterior(dvae, x, item, goal)
            entropies += [-p.item() * math.log(p.item()) for p in q]
            e, f, g = vector[item], vector[fake], vector[goal]
            scores = [
                q[r] * ((h * relation[r] * g).sum() + (h + g) @ relation[r])
                for r in range(first, KNOWN + LATENT)
                for h in (e, f)
            ]
            pairs = zip(scores[::2], scores[1::2], strict=True)
            won.append(
                torch.stack([torch.sigmoid(true - false) for true, false in pairs])
            )
        logs.append(torch.stack(won).mean(0).log())
    entropy = sum(entropies) / len(entropies)
    return -torch.stack(logs).mean() + dvae.entropy_weight * entropy


@pytest.mark.parametrize("first", [0, 1])
def test_loss_is_that_of_the_authors_code(dvae, first, monkeypatch):
    x, vector, relation = torch.randn(N, 4), torch.randn(N + 1, C), torch.randn(5, C)
    history = torch.tensor([[N, 2, 0], [1, 5, 3]])
    target, other = torch.tensor([4, 6]), torch.tensor([3, 6, 0, 2, 5])
    monkeypatch.setattr(torch, "randint_like", lambda *args: other)
    loss = dvae.history_loss(x, vector, relation, history, target, first=first)
    rows = [[2, 0], [1, 5, 3]], [[3, 6], [0, 2, 5]]
    expected = naive_loss(dvae, x, vector, relation, rows[0], target, rows[1], first)
    assert torch.allclose(loss, expected, atol=1e-5)


def test_none_is_every_known_relation(dvae):
    x, pairs = torch.randn(N, 4), torch.tensor([[0, 3], [2, 6]])
    found = dvae.posterior(dvae.roles(x), pairs)
    for place, (source, target) in enumerate(pairs.t()):
        q = naive_posterior(dvae, x, source, target)
        expected = torch.cat([q[:KNOWN].sum().view(1), q[KNOWN:]])
        assert torch.allclose(found[place], expected, atol=1e-6)


def test_it_learns_to_tell_a_history_from_random_items(dvae):
    torch.manual_seed(0)
    x, relation = torch.randn(N, 4), torch.nn.Parameter(torch.randn(5, C))
    vector = torch.nn.Parameter(torch.randn(N + 1, C))
    history, target = torch.tensor([[0, 1], [2, 3]]), torch.tensor([4, 5])
    parameters = [*dvae.parameters(), vector, relation]
    optimizer = torch.optim.Adam(parameters, lr=0.05)

    def loss():
        return dvae.history_loss(x, vector, relation, history, target)

    before = sum(loss().item() for _ in range(50)) / 50
    for _ in range(100):
        optimizer.zero_grad()
        loss().backward()
        optimizer.step()
    assert sum(loss().item() for _ in range(50)) / 50 < before - 0.1


def test_pairs_alone_are_not_learned_from():
    graph = LatentRelationGraph(tiny_shop(20, 48), 2, C, "released")
    with pytest.raises(ValueError, match=r"'released' learns from whole histories"):
        graph.relation_losses(torch.randn(48, C), 8)
    with pytest.raises(ValueError, match=r"'num_known' needs to be positive .*got 0"):
        ReleasedLRD(4, C, 2, 0)
