"""Table tests: a row for each statement about behaviour."""

from __future__ import annotations

from collections.abc import Mapping

import pytest


def table(columns: str, rows: Mapping[str, object]) -> pytest.MarkDecorator:
    """Run a test once for each row of a table.

    Args:
        columns: the names of the columns, separated by commas.
        rows: the values of the columns, a tuple where there are several, by the statement that
            they are an example of.
    """
    several = "," in columns
    return pytest.mark.parametrize(
        [name.strip() for name in columns.split(",")],
        [
            pytest.param(*(row if several and isinstance(row, tuple) else (row,)), id=statement)
            for statement, row in rows.items()
        ],
    )
