from datetime import date, time
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from lrdgraph.datasets import INTERACTS, assemble, from_tables

BOUGHT = pd.DataFrame({"user_id": ["u", "u"], "item_id": ["a", "b"], "time": [1, 2]})
STAMPS = pd.to_datetime(["2020-01-02", "2020-01-02 03:04:05"], format="ISO8601")
OF_PARQUET = {
    "decimals": ([Decimal("9.90"), Decimal("1E+2")], ["9.90", "100.00"]),
    "dates": ([date(2020, 1, 2), None], ["2020-01-02", ""]),
    "timestamps": (STAMPS, ["2020-01-02", "2020-01-02 03:04:05"]),
    "with a zone": (STAMPS.tz_localize("UTC"), [f"{s}+00:00" for s in STAMPS]),
    "missing timestamps": ([pd.NaT, STAMPS[0]], ["", "2020-01-02"]),
    "times of day": ([time(9, 30), None], ["09:30:00", ""]),
    "durations": (pd.to_timedelta([1, 2], unit="D"), ["1 days", "2 days"]),
    "bytes": (["Café &amp; tea".encode(), b""], ["Café & tea", ""]),
    "truths": ([True, None], ["True", ""]),
    "lists of truths": ([[True, False], []], ["True, False", ""]),
    "lists of decimals": ([[Decimal("0.5"), None], []], ["0.5", ""]),
    "lists of timestamps": ([STAMPS[:1].to_list(), []], ["2020-01-02", ""]),
    "decimals that are none": ([Decimal("NaN"), Decimal(1)], ["", "1"]),
}


@pytest.mark.filterwarnings("error::UserWarning")
@pytest.mark.parametrize("name", OF_PARQUET)
def test_values_that_parquet_has(name, tmp_path):
    values, texts = OF_PARQUET[name]
    items = pd.DataFrame({"item_id": ["a", "b"], "title": ["pen", "ink"]})
    items.assign(it=values).to_parquet(tmp_path / "items.parquet")
    data = from_tables(BOUGHT, tmp_path / "items.parquet", text=("it", "title"))
    assert data["item"].it == texts
    assert data["item"].text == [f"{texts[0]} pen".strip(), f"{texts[1]} ink".strip()]


@pytest.mark.parametrize("value", [{"odd": 1}, b"\xff", [{"odd": 1}], object()])
def test_what_is_no_text_is_dropped_with_a_warning(value):
    items = pd.DataFrame({"item": ["a", "b"], "text": ["pen", None], "it": ["x", None]})
    items = items.astype(object)
    items.at[0, "it"] = value
    with pytest.warns(UserWarning, match="Dropped 1 values of 'it' that are no text"):
        data = assemble(BOUGHT.set_axis(["user", "item", "time"], axis=1), items)
    assert data["item"].it == ["", ""]


@pytest.mark.parametrize(
    ("ids", "names"),
    [
        ([b"caf\xc3\xa9", b"7"], ["café", "7"]),
        ([Decimal(7), Decimal("8.50")], ["7", "8.50"]),
        ([date(2020, 1, 2), np.datetime64("2020-01-03")], ["2020-01-02", "2020-01-03"]),
    ],
)
def test_ids_that_are_no_strings(ids, names):
    items = pd.DataFrame({"item_id": names, "title": ["pen", "ink"]})
    data = from_tables(BOUGHT.assign(item_id=pd.Series(ids, dtype=object)), items)
    assert data["item"].id == names


def test_bytes_that_are_no_id():
    bought = BOUGHT.assign(item_id=[b"a", b"\xff"])
    items = pd.DataFrame({"item_id": ["a"], "title": ["pen"]})
    with pytest.raises(
        ValueError, match=r"'item_id' needs an id .*got b'\\xff' in row 1"
    ):
        from_tables(bought, items)


PENS = pd.DataFrame({"item_id": ["a", "b"], "title": ["pen", "ink"]})


def times(*values):
    bought = {"user_id": "u", "item_id": "a", "time": values}
    return from_tables(pd.DataFrame(bought), PENS)[INTERACTS].time.tolist()


ISO = "seconds since 1970, or ISO 8601 dates, in interactions"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (("02.01.2024", "03.01.2024"), rf"{ISO} \(got '02.01.2024' in row 0\)"),
        ((1.7e12, 1.6e12), rf"{ISO} \(got .* in row 0; divide milliseconds by 1000\)"),
        ((1, "1700000000000"), r"got '1700000000000' in row 1; divide milliseconds"),
        ((1, 1_700_000_000_000, None), r"got 1700000000000.* row 1; divide millisec"),
        ((1.7e15,), r"\(got 1700000000000000.0 in row 0\)"),
        (("2024-01-02", "2024-01-03", 5), r"got 5 in row 2; others are dates\)"),
        (("2024-01-02", "2024-01-03", "5"), r"got '5' in row 2; others are dates\)"),
        (("2024-01-02", 5, "6"), r"got '2024-01-02' in row 0\)"),
        (("2024-01-02", 1_700_000_000_000, "soon", "2024-01-03"), r"row 1; others are"),
        (("2024-01-02", None, "1960-01-01"), r"got (None|nan) in row 1\)"),
    ],
)
def test_the_time_that_is_odd_is_named(values, message):
    with pytest.raises(ValueError, match=message):
        times(*values)


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("zone", ["", ", UTC"])
def test_timestamps_of_arrow(unit, zone):
    column = pd.Series(STAMPS).astype(f"timestamp[{unit}{zone}][pyarrow]")
    bought = BOUGHT.assign(time=column)
    assert from_tables(bought, PENS)[INTERACTS].time.tolist() == times(*STAMPS)
    with pytest.raises(ValueError, match=rf"{ISO} \(got .* in row 1\)"):
        from_tables(bought.assign(time=column.where([True, False])), PENS)


@pytest.mark.parametrize("kind", ["string[pyarrow]", pd.ArrowDtype(pa.string())])
def test_dates_as_strings_of_arrow(kind):
    column = pd.Series(["2024-01-02", "2024-01-03T04:05:06Z"]).astype(kind)
    bought = BOUGHT.assign(time=column)
    assert from_tables(bought, PENS)[INTERACTS].time.tolist() == times(*column)
    with pytest.raises(ValueError, match=r"got '?5'? in row 1; others are dates"):
        from_tables(
            pd.DataFrame({"user_id": "u", "item_id": "a"}, index=range(3)).assign(
                time=pd.Series([column[0], "5", column[1]]).astype(kind)
            ),
            PENS,
        )


NO_MOMENTS = {
    "durations": pd.Series(pd.to_timedelta([5, 6], unit="s")),
    "whole seconds": pd.Series(np.array([5, 6], dtype="timedelta64[s]")),
    "durations of arrow": pd.Series([5, 6]).astype("duration[ns][pyarrow]"),
    "objects": pd.Series([np.timedelta64(5, "s")] * 2, dtype=object),
    "months": pd.Series(pd.period_range("2024-01", periods=2, freq="M")),
    "months as objects": pd.Series([pd.Period("2024-01")] * 2, dtype=object),
}


@pytest.mark.parametrize("name", NO_MOMENTS)
def test_durations_and_periods_are_no_times(name):
    with pytest.raises(ValueError, match=rf"{ISO} \(got .* in row 0"):
        from_tables(BOUGHT.assign(time=NO_MOMENTS[name]), PENS)


@pytest.mark.parametrize("values", [(20240102, 19991231), ("20240102", "20240103")])
def test_days_that_are_taken_as_seconds(values):
    with pytest.warns(
        UserWarning, match=rf"seconds in 1970, though '?{values[0]}'? look"
    ):
        assert times(*values) == sorted(map(int, values))


@pytest.mark.filterwarnings("error::UserWarning")
@pytest.mark.parametrize(
    "values", [(20240102, 1700000000), (20240102, 20241302), ("1970-08-23",)]
)
def test_seconds_that_are_seconds(values):
    assert len(times(*values)) == len(values)


def test_a_time_in_another_zone_is_that_moment_of_utc() -> None:
    written = ["2020-01-02T03:00:00+02:00", "2020-01-02 01:30:00-00:30"]
    moments = pd.to_datetime(written, utc=True, format="ISO8601")
    for column in (written, moments.tz_convert("Asia/Tokyo")):
        items = pd.DataFrame({"item_id": ["a", "b"], "title": ["pen", "ink"]})
        data = from_tables(BOUGHT.assign(time=column), items)
        assert data[INTERACTS].time.tolist() == [1_577_926_800, 1_577_930_400]
