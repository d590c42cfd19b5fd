import pytest
import torch
from torch import nn

from lrdgraph.training.optimizing import RowAdamW


def fit(optimizer_class, sparse: bool, rows: list[list[int]], **options) -> nn.Module:
    torch.manual_seed(0)
    net = nn.ModuleDict(
        {"id": nn.Embedding(6, 3, sparse=sparse), "out": nn.Linear(3, 1)}
    )
    optimizer = optimizer_class(net.parameters(), lr=0.1, **options)
    for row in rows:
        optimizer.zero_grad()
        net["out"](net["id"](torch.tensor(row))).square().sum().backward()
        optimizer.step()
    return net


def weights(net: nn.Module) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in net.parameters()])


@pytest.mark.parametrize("weight_decay", [0.0, 0.3])
def test_it_is_adamw_where_every_row_is_touched(weight_decay):
    rows = 7 * [[0, 1, 2, 3, 4, 5, 5, 0]]
    options = {"weight_decay": weight_decay, "betas": (0.8, 0.95)}
    expected = fit(torch.optim.AdamW, False, rows, **options)
    assert torch.allclose(
        weights(fit(RowAdamW, True, rows, **options)), weights(expected), atol=1e-6
    )
    dense = fit(RowAdamW, False, rows, **options)
    assert weights(dense).equal(weights(expected))


def test_it_is_sparse_adam_on_a_table():
    rows = [[0, 1], [1, 1, 4], [0], [4, 5], [1]]
    tables = []
    for optimizer_class in (RowAdamW, torch.optim.SparseAdam):
        torch.manual_seed(0)
        table = nn.Embedding(6, 3, sparse=True)
        options = {"weight_decay": 0.0} if optimizer_class is RowAdamW else {}
        optimizer = optimizer_class(table.parameters(), lr=0.1, **options)
        start = table.weight.detach().clone()
        for row in rows:
            optimizer.zero_grad()
            table(torch.tensor(row)).square().sum().backward()
            optimizer.step()
        tables.append(table.weight.detach())
    assert torch.allclose(*tables, atol=1e-6)
    assert tables[0][[2, 3]].equal(start[[2, 3]])


def test_its_state_can_be_kept_and_loaded():
    table = nn.Embedding(6, 3, sparse=True)
    optimizer = RowAdamW(table.parameters(), lr=0.1)
    table(torch.tensor([2])).sum().backward()
    optimizer.step()
    other = RowAdamW(nn.Embedding(6, 3, sparse=True).parameters(), lr=0.1)
    other.load_state_dict(optimizer.state_dict())
    [kept], [loaded] = optimizer.state.values(), other.state.values()
    assert all(kept[name].equal(loaded[name]) for name in kept)


@pytest.mark.parametrize("name", ["maximize", "amsgrad"])
def test_what_rows_would_not_follow_is_refused(name):
    with pytest.raises(ValueError, match=f"'{name}' needs to be False in 'RowAdamW'"):
        RowAdamW(nn.Linear(1, 1).parameters(), **{name: True})


def test_its_rate_is_the_second_argument_as_that_of_adamw():
    assert RowAdamW(nn.Linear(1, 1).parameters(), 0.5).defaults["lr"] == 0.5
