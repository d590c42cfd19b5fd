import math

import pytest
import torch

from lrdgraph.nn.distmult import Triples, TripleTask, distmult, pairwise_loss

N = 6  # entity 6 is no value, 7 and 8 are brands
ITEMS = [(0, 1, 1), (1, 1, 2), (4, 1, 5)]
BRANDS = [(0, 2, 7), (1, 2, 7), (2, 2, 7), (3, 2, 8), (4, 2, 8)]


@pytest.fixture
def task() -> TripleTask:
    torch.manual_seed(0)
    return TripleTask(N, *torch.tensor(ITEMS + BRANDS).t())


def known(head: int, relation: int, tail: int, value: int) -> bool:
    """Whether two items are related, as a shopper would read the table."""
    if relation == 1:
        return (head, 1, tail) in ITEMS
    return (head, 2, value) in BRANDS and (tail, 2, value) in BRANDS


def rows(triples: Triples) -> list[tuple[int, ...]]:
    return list(zip(*(column.tolist() for column in triples), strict=True))


def test_score_is_that_of_a_loop():
    head, relation, tail = torch.randn(3, 4, 5)
    expected = [
        sum(head[n, c] * relation[n, c] * tail[n, c] for c in range(5))
        for n in range(4)
    ]
    found = distmult(head, relation, tail)
    assert torch.allclose(found, torch.stack(expected), atol=1e-6)


def test_what_is_drawn_is_known_and_all_of_it_is_drawn(task):
    drawn = rows(task.draw(600))
    assert all(known(*row) for row in drawn)
    items = {row[:3] for row in drawn if row[1] == 1}
    assert items == set(ITEMS)
    assert {(row[0], row[3]) for row in drawn if row[1] == 2} == {
        (head, value) for head, _, value in BRANDS
    }
    assert {row[2] for row in drawn if row[3] == 7} == {0, 1, 2}
    assert {row[3] for row in drawn if row[1] == 1} == {N}


def test_what_is_corrupted_is_not_known_and_differs_at_one_end(task):
    true = task.draw(600)
    false = task.corrupt(true)
    assert not any(known(*row) for row in rows(false))
    head, tail = true.head != false.head, true.tail != false.tail
    assert (head ^ tail).all()
    assert 0.3 < head.float().mean() < 0.7
    assert true.relation.equal(false.relation)
    assert true.value.equal(false.value)
    for end, drawn in ((false.head, head), (false.tail, tail)):
        assert set(end[drawn].tolist()) == set(range(N))


def test_loss_is_that_of_true_triples_against_false_ones(task) -> None:
    entity, relation = torch.randn(9, 4), torch.randn(3, 4)
    torch.manual_seed(0)
    true = task.draw(50)
    false = task.corrupt(true)
    typed = relation[true.relation] + entity[true.value]
    score, other = (
        (entity[t.head] * typed * entity[t.tail]).sum(1) for t in (true, false)
    )
    expected = torch.nn.functional.softplus(other - score).mean()
    torch.manual_seed(0)
    assert torch.allclose(task.loss(entity, relation, 50), expected, atol=1e-5)


def test_loss_with_one_negative_is_bpr():
    positive, negative = torch.tensor([1.0, -2.0]), torch.tensor([[0.5], [1.0]])
    expected = [-math.log(1 / (1 + math.exp(-margin))) for margin in (0.5, -3.0)]
    loss = pairwise_loss(positive, negative).item()
    assert loss == pytest.approx(sum(expected) / 2, abs=1e-6)


def test_loss_weighs_negatives_by_their_scores():
    positive, negatives = torch.tensor([1.0]), torch.tensor([[0.5, 2.0, -1.0]])
    share = negatives.softmax(1)[0]
    won = torch.sigmoid(positive - negatives)[0]
    expected = -torch.log((share * won).sum()).item()
    assert pairwise_loss(positive, negatives).item() == pytest.approx(
        expected, abs=1e-6
    )


def test_what_is_planted_is_learned(task):
    entity = torch.nn.Parameter(torch.randn(9, 8) * 0.1)
    relation = torch.nn.Parameter(torch.randn(3, 8) * 0.1)
    optimizer = torch.optim.Adam([entity, relation], lr=0.05)
    for _ in range(150):
        optimizer.zero_grad()
        task.loss(entity, relation, 64).backward()
        optimizer.step()
    assert task.loss(entity, relation, 500).item() < 0.1


def test_triples_without_values_and_no_triples():
    task = TripleTask(N, *torch.tensor(ITEMS).t())
    assert all(known(*row) for row in rows(task.draw(50)))
    with pytest.raises(ValueError, match=r"'head' needs at least one triple .*got 0"):
        TripleTask(N, *torch.empty(3, 0, dtype=torch.long))
