#!/bin/sh
# Believed: categories that differ between row groups, or between the files of a data set, are read as
# they were written, as each Parquet dictionary belongs to its own chunk of a column.
# So: fastparquet decodes all rows of a pandas category by the dictionary that it read last: a, b
# became c, d, without a warning, in a file that it appended to itself and in two files that pandas
# wrote by pyarrow. pyarrow reads all of them right.
# Matters: labels such as cell types or species are exchanged as soon as a later batch has others.
# Versions: fastparquet 2026.9.0, pandas 3.1.1, pyarrow 26.0.1.
# Output, of the categories a, b and then c, d:
#   appended by fastparquet: fastparquet ['c', 'd', 'c', 'd'], pyarrow ['a', 'b', 'c', 'd']
#   two files by pyarrow: fastparquet ['c', 'd', 'c', 'd'], pyarrow ['a', 'b', 'c', 'd']
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m pip install --quiet --disable-pip-version-check --no-compile --target site fastparquet==2026.9.0 pandas==3.1.1 pyarrow==26.0.1
cat > check.py <<'END'
import pathlib, warnings
import fastparquet, pandas
import pyarrow.parquet

warnings.simplefilter("error", UserWarning)
first, second = (pandas.DataFrame({"x": pandas.Categorical(values)}) for values in (["a", "b"], ["c", "d"]))
fastparquet.write("appended.parquet", first)
fastparquet.write("appended.parquet", second, append=True)
pathlib.Path("files").mkdir()
first.to_parquet("files/1.parquet", engine="pyarrow")
second.to_parquet("files/2.parquet", engine="pyarrow")
for name, path in (("appended by fastparquet", "appended.parquet"), ("two files by pyarrow", "files")):
    by_fastparquet = fastparquet.ParquetFile(path).to_pandas()["x"].tolist()
    by_pyarrow = pyarrow.parquet.read_table(path)["x"].to_pylist()
    print(f"{name}: fastparquet {by_fastparquet}, pyarrow {by_pyarrow}")
    assert (by_fastparquet, by_pyarrow) == (["c", "d", "c", "d"], ["a", "b", "c", "d"])
END
PYTHONPATH=site python3 check.py
