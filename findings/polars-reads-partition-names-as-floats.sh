#!/bin/sh
# Believed: names of Hive partitions that are not all integers are text for polars, as they are
# for pyarrow and DuckDB.
# So: polars makes floats of them as soon as all can be parsed as such: the folders key=01 and
# key=1e1 become 1.0 and 10.0.
# Matters: identifiers such as hashes or well names lose their zeros or change altogether,
# depending on which others happen to be there.
# Versions: polars 2.1.0, pyarrow 26.0.1, duckdb 2.0.1.
# Output:
#   polars: [1.0, 10.0]
#   pyarrow: ['01', '1e1']
#   duckdb: ['01', '1e1']
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m pip install --quiet --disable-pip-version-check --no-compile --target site polars==2.1.0 pyarrow==26.0.1 duckdb==2.0.1
cat > check.py <<'END'
import os
import duckdb, polars, pyarrow as pa, pyarrow.dataset, pyarrow.parquet

for name in ("01", "1e1"):
    os.makedirs(f"table/key={name}")
    pyarrow.parquet.write_table(pa.table({"v": [1]}), f"table/key={name}/part.parquet")
by_polars = sorted(polars.scan_parquet("table/**/*.parquet", hive_partitioning=True).collect()["key"].to_list())
by_arrow = sorted(pyarrow.dataset.dataset("table", partitioning="hive").to_table()["key"].to_pylist())
rows = duckdb.sql("select key from read_parquet('table/*/*.parquet', hive_partitioning=true)").fetchall()
by_duckdb = sorted(key for (key,) in rows)
print("polars:", by_polars)
print("pyarrow:", by_arrow)
print("duckdb:", by_duckdb)
assert by_polars == [1.0, 10.0] and by_arrow == by_duckdb == ["01", "1e1"]
END
PYTHONPATH=site python3 check.py
