#!/bin/sh
# Believed: readers of a folder of Parquet files leave out names that begin with a dot or an
# underscore, which writers use for what is not finished.
# So: pyarrow leaves them out; polars and DuckDB read them, and the files in a folder whose name
# begins with an underscore.
# Matters: a table that is being written or synced under temporary names has double rows for two
# of three readers.
# Versions: pyarrow 26.0.1, polars 2.1.0, duckdb 2.0.1.
# Output:
#   pyarrow: [1]
#   polars: [1, 2, 3, 4]
#   duckdb: [1, 2, 3, 4]
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m pip install --quiet --disable-pip-version-check --no-compile --target site pyarrow==26.0.1 polars==2.1.0 duckdb==2.0.1
cat > check.py <<'END'
import os
import duckdb, polars, pyarrow as pa, pyarrow.dataset, pyarrow.parquet

os.makedirs("table/_temporary")
names = ("part.parquet", "_part.parquet", ".part.parquet", "_temporary/part.parquet")
for number, name in enumerate(names, 1):
    pyarrow.parquet.write_table(pa.table({"v": [number]}), f"table/{name}")
by_arrow = sorted(pyarrow.dataset.dataset("table").to_table()["v"].to_pylist())
by_polars = sorted(polars.scan_parquet("table").collect()["v"].to_list())
by_duckdb = sorted(v for (v,) in duckdb.sql("select v from 'table/**/*.parquet'").fetchall())
print("pyarrow:", by_arrow)
print("polars:", by_polars)
print("duckdb:", by_duckdb)
assert by_arrow == [1] and by_polars == by_duckdb == [1, 2, 3, 4]
END
PYTHONPATH=site python3 check.py
