from collections.abc import Callable
from typing import Any

import pytest


def broken_rules(contract: type, **members: Any) -> set[str]:
    """Names of the tests that fail for the part that ``members`` make."""
    broken = set()
    for name in dir(contract):
        if name.startswith("test_"):
            test = type("Test", (contract,), members)()
            try:
                getattr(test, name)()
            except Exception:  # a broken part may break in any way
                broken.add(name.removeprefix("test_"))
    return broken


@pytest.fixture(name="broken_rules")
def _broken_rules() -> Callable[..., set[str]]:
    return broken_rules
