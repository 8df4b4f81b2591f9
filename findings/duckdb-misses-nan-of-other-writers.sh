#!/bin/sh
# Believed: a query of DuckDB gives the same rows over a Parquet file and over a table made of it.
# So: DuckDB takes NaN for the greatest number, and so finds it with x > 5; but statistics of Parquet
# files leave NaN out, and it skips row groups by them. In a file of pyarrow the NaN is not found by
# x > 5, nor by x = 'nan', and max(x) is 2; in the table, and in a file that DuckDB wrote, it is.
# Matters: a check for NaN in exchanged files passes, and the same query changes its result once the
# data is loaded, or was written by another library.
# Versions: duckdb 2.0.1, pyarrow 26.0.1.
# Output:
#   file of pyarrow: x > 5: [], x = 'nan': [], max: 2.0
#   table made of it: x > 5: [nan], x = 'nan': [nan], max: nan
#   file of DuckDB: x > 5: [nan], x = 'nan': [nan], max: nan
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m pip install --quiet --disable-pip-version-check --no-compile --target site duckdb==2.0.1 pyarrow==26.0.1
cat > check.py <<'END'
import duckdb
import pyarrow
import pyarrow.parquet as pq

database = duckdb.connect()
pq.write_table(pyarrow.table({"x": [1.0, float("nan"), 2.0]}), "other.parquet")
database.execute("CREATE TABLE data AS FROM 'other.parquet'")
database.execute("COPY data TO 'own.parquet'")

def column(query):
    return [row[0] for row in database.execute(query).fetchall()]

shown = {}
for name, rows in (("file of pyarrow", "'other.parquet'"), ("table made of it", "data"), ("file of DuckDB", "'own.parquet'")):
    greater, equal = (column(f"SELECT x FROM {rows} WHERE {test}") for test in ("x > 5", "x = 'nan'::DOUBLE"))
    shown[name] = f"x > 5: {greater}, x = 'nan': {equal}, max: {column(f'SELECT max(x) FROM {rows}')[0]}"
    print(f"{name}: {shown[name]}")
assert list(shown.values()) == ["x > 5: [], x = 'nan': [], max: 2.0"] + 2 * ["x > 5: [nan], x = 'nan': [nan], max: nan"]
END
PYTHONPATH=site python3 check.py
