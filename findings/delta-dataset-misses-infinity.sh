#!/bin/sh
# Believed: the pyarrow dataset of a Delta table finds an infinite number by a filter, as a dataset
# of the same Parquet file and other readers of the table do.
# So: it finds no row with x = infinity, nor with x > 5. polars finds the row in the same table,
# and pyarrow in the file of the table.
# Matters: a search for overflows or saturated values through DeltaTable.to_pyarrow_dataset reports
# none, without a warning.
# Versions: deltalake 1.6.6, polars 2.1.0, pyarrow 26.0.1.
# Output:
#   dataset of the table: 0 equal, 0 greater
#   polars: 1 equal, 1 greater
#   dataset of its file: 1 equal, 1 greater
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m pip install --quiet --disable-pip-version-check --no-compile --target site deltalake==1.6.6 polars==2.1.0 pyarrow==26.0.1
cat > check.py <<'END'
import pathlib
import polars
import pyarrow
import pyarrow.dataset as ds
from deltalake import DeltaTable, write_deltalake

INFINITY = float("inf")
write_deltalake("table", pyarrow.table({"x": [INFINITY]}))

def count(dataset):
    return [dataset.count_rows(filter=test) for test in (ds.field("x") == INFINITY, ds.field("x") > 5)]

x, rows = polars.col("x"), polars.scan_delta("table")
counts = {
    "dataset of the table": count(DeltaTable("table").to_pyarrow_dataset()),
    "polars": [rows.filter(test).collect().height for test in (x == INFINITY, x > 5)],
    "dataset of its file": count(ds.dataset(next(pathlib.Path("table").glob("*.parquet")))),
}
for name, (equal, greater) in counts.items():
    print(f"{name}: {equal} equal, {greater} greater")
assert list(counts.values()) == [[0, 0], [1, 1], [1, 1]]
END
PYTHONPATH=site python3 check.py
