"""A small shop in CSV files, and a model that the command line made of it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import pytest

from lrdgraph.cli import main
from lrdgraph.datasets import PlantedRelations
from lrdgraph.testing import HashTextEncoder


class Ran(NamedTuple):
    """What a command gave back and printed."""

    code: int
    out: str
    err: str


def write_shop(folder: Path, num_users: int = 150) -> None:
    data = PlantedRelations(num_users=num_users, num_items=192)[0]
    items, store = data["item"], data["user", "interacts", "item"]
    user, item = store.edge_index.tolist()
    purchases = {
        "user_id": [data["user"].id[u] for u in user],
        "item_id": [items.id[i] for i in item],
        "time": store.time.tolist(),
    }
    table = {"item_id": items.id, "title": items.title}
    table |= {"category": items.category, "brand": items.brand}
    pd.DataFrame(purchases).to_csv(folder / "purchases.csv", index=False)
    pd.DataFrame(table).to_csv(folder / "items.csv", index=False)


@pytest.fixture(scope="session", autouse=True)
def stand_in() -> Iterator[None]:
    """The text model ``hash`` takes the place of a language model."""
    from lrdgraph.cli import shop

    def encoder(model: str, pooling: str = "mean") -> HashTextEncoder:
        return HashTextEncoder(32) if model == "hash" else real(model, pooling=pooling)

    real = shop.TextEncoder
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shop, "TextEncoder", encoder)
        yield


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The two tables of a shop, to read alone."""
    folder = tmp_path_factory.mktemp("shop")
    write_shop(folder)
    return folder


@pytest.fixture(scope="session")
def tables(folder: Path) -> list[str]:
    return [
        *("--interactions", str(folder / "purchases.csv")),
        *("--items", str(folder / "items.csv")),
    ]


@pytest.fixture(scope="session")
def quickly(folder: Path) -> list[str]:
    """Options of a short training with the stand-in."""
    return [
        *("--encoder", "hash", "--vectors", str(folder / "vectors")),
        *("--steps", "40", "--num-latent", "3", "--batch-size", "64"),
    ]


@pytest.fixture(scope="session")
def model(folder: Path, tables: list[str], quickly: list[str]) -> Path:
    """A trained model, to read alone."""
    out = folder / "model"
    assert main(["train", *tables, "--out", str(out), "--epochs", "3", *quickly]) == 0
    return out


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    """Run a command in this process."""

    def run(*argv: object) -> Ran:
        capsys.readouterr()
        code = main([str(one) for one in argv])
        return Ran(code, *capsys.readouterr())

    return run
