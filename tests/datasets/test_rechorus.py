from pathlib import Path

import numpy as np
import pytest

from lrdgraph.datasets import INTERACTS, ReChorus

FILES = {
    "train.csv": "user_id\titem_id\ttime\n1\t2\t10\n2\t1\t11\n",
    "dev.csv": "user_id\titem_id\ttime\tneg_items\n1\t3\t20\t[1, 4]\n",
    "test.csv": "user_id\titem_id\ttime\tneg_items\n1\t1\t30\t[2, 4]\n",
    "item_meta.csv": "item_id\ti_brand\tr_complement\n"
    "1\t7\t[2, 3]\n2\t7\t[]\n3\t0\t[1]\n4\t7\t[]\n",
    "Toy.item2index": "AA\t1\nBB\t2\nCC\t3\nDD\t4\n",
    "Toy.text": "id\ttext\nBB\tred &quot;pen&quot;\nAA\tink\n",
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name, content in FILES.items():
        (tmp_path / name).write_text(content)
    return tmp_path


def test_folder(root):
    data = ReChorus(root)[0]
    assert data["item"].id == ["AA", "BB", "CC", "DD"]
    assert data["item"].text == ["ink", 'red "pen"', "", ""]
    assert data["item"].brand == ["7", "7", "", "7"]
    assert data["user"].id == ["1", "2"]
    assert data[INTERACTS].edge_index.tolist() == [[0, 0, 0, 1], [1, 2, 0, 0]]
    assert data[INTERACTS].split.tolist() == [0, 1, 2, 0]
    assert data["user"].val_negatives.tolist() == [[0, 3], [-1, -1]]
    assert data["user"].test_negatives.tolist() == [[1, 3], [-1, -1]]
    complement = data["item", "complement", "item"].edge_index
    assert complement.tolist() == [[0, 0, 2], [1, 2, 0]]
    assert data["item", "same_brand", "item"].num_edges == 6


def test_negatives_go_to_their_users_in_any_order(root) -> None:
    rows = "user_id\titem_id\ttime\tneg_items\n2\t4\t20\t[2, 3]\n1\t3\t20\t[1, 4]\n"
    (root / "dev.csv").write_text(rows)
    data = ReChorus(root)[0]
    assert data["user"].id == ["1", "2"]
    assert data["user"].val_negatives.tolist() == [[0, 3], [1, 2]]


def test_a_user_is_the_same_in_all_files(root) -> None:
    (root / "train.csv").write_text("user_id\titem_id\ttime\n007\t2\t10\nA\t1\t11\n")
    rows = "user_id\titem_id\ttime\tneg_items\n{}\t3\t{}\t[1, 4]\n"
    (root / "dev.csv").write_text(rows.format("007", 20))
    (root / "test.csv").write_text(rows.format(" 007 ", 30))
    data = ReChorus(root)[0]
    assert data["user"].id == ["007", "A"]
    assert data[INTERACTS].split.tolist() == [0, 1, 2, 0]
    for name in ("val_negatives", "test_negatives"):
        assert data["user"][name].tolist() == [[0, 3], [-1, -1]]


def test_spaces_around_an_id_give_nobody_the_negatives_of_another(root) -> None:
    (root / "train.csv").write_text("user_id\titem_id\ttime\nA\t2\t10\nB\t1\t11\n")
    rows = "user_id\titem_id\ttime\tneg_items\n{}\t3\t20\t[1, 4]\n"
    for name, user in (("dev.csv", "A "), ("test.csv", "B")):
        (root / name).write_text(rows.format(user))
    users = ReChorus(root)[0]["user"]
    assert users.id == ["A", "B"]
    assert users.val_negatives.tolist() == [[0, 3], [-1, -1]]
    assert users.test_negatives.tolist() == [[-1, -1], [0, 3]]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("4\t1\nBB\t2\nCC\t3\n", r"got '4' for 1 and '4' for 4\)"),
        ("AA\t1\nAA \t2\nCC\t3\nDD\t4\n", r"got 'AA' for 1 and 'AA ' for 2\)"),
    ],
)
def test_no_item_is_called_like_another(root, rows, message):
    (root / "Toy.item2index").write_text(rows)
    with pytest.raises(ValueError, match=rf"item2index' needs ids .*{message}"):
        ReChorus(root)


def test_an_item_without_an_id_is_called_by_its_number(root):
    (root / "Toy.item2index").write_text("AA\t1\nBB\t2\nCC\t3\n")
    assert ReChorus(root)[0]["item"].id == ["AA", "BB", "CC", "4"]


def test_only_the_three_parts(root):
    for name in ("item_meta.csv", "Toy.item2index", "Toy.text"):
        (root / name).unlink()
    (root / "dev.csv").write_text("user_id\titem_id\ttime\n1\t3\t20\n")
    (root / "test.csv").write_text("user_id\titem_id\ttime\n1\t1\t30\n")
    data = ReChorus(root)[0]
    assert data["item"].id == ["1", "2", "3"]
    assert data["item"].text == ["", "", ""]
    assert "val_negatives" not in data["user"]
    assert data.edge_types == [INTERACTS]


def test_office(shared_data, tmp_path):
    data = ReChorus(shared_data / "office", cache=tmp_path)[0]
    assert data["user"].num_nodes == 4905
    assert data["item"].num_nodes == 2420
    assert data[INTERACTS].num_edges == 53258
    assert np.bincount(data[INTERACTS].split).tolist() == [43448, 4905, 4905]
    assert data["user"].test_negatives.shape == (4905, 99)
    assert data["user"].val_negatives.min() >= 0
    assert data["item"].id[0] == "B0000AG93P"
    assert data["item"].text[0].startswith("HP 78 Tri-Color")
