#!/bin/sh
# Believed: DuckDB finds a common type for a column over the files of one read, or fails, as
# pyarrow does.
# So: the first file decides: 2.5 in a file of doubles after one of integers is read as 2, without
# a warning. With the files in the other order it is 2.5.
# Matters: a column that became fractional in newer files is rounded, depending on the names of
# the files.
# Versions: duckdb 2.0.1, pyarrow 26.0.1.
# Output:
#   integers first: [1, 2]
#   doubles first: [2.5, 1.0]
#   pyarrow, integers first: ArrowInvalid
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m pip install --quiet --disable-pip-version-check --no-compile --target site duckdb==2.0.1 pyarrow==26.0.1
cat > check.py <<'END'
import duckdb, pyarrow as pa, pyarrow.dataset, pyarrow.parquet

pyarrow.parquet.write_table(pa.table({"a": [1]}), "1.parquet")
pyarrow.parquet.write_table(pa.table({"a": [2.5]}), "2.parquet")

def read(*files):
    return [value for (value,) in duckdb.sql(f"select a from read_parquet({list(files)})").fetchall()]

integers, doubles = read("1.parquet", "2.parquet"), read("2.parquet", "1.parquet")
try:
    arrow = pyarrow.dataset.dataset(["1.parquet", "2.parquet"]).to_table().to_pydict()
except pa.ArrowInvalid as error:
    arrow = type(error).__name__
print("integers first:", integers)
print("doubles first:", doubles)
print("pyarrow, integers first:", arrow)
assert (integers, doubles, arrow) == ([1, 2], [2.5, 1.0], "ArrowInvalid")
END
PYTHONPATH=site python3 check.py
