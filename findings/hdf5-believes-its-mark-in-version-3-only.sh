#!/bin/sh
# Believed: a file that is open for writing is refused by other readers, or has no mark.
# So: HDF5 marks files with superblock version 2 as well as 3 (byte 11), but refuses copies of
# version 3 only. Version 0, the default, has no mark.
# Matters: a copy of a version 2 file that was taken while it was written opens without an error;
# whoever copies files can see the mark, and HDF5 does not.
# Versions: h5py 3.16.0 (HDF5 2.0.0) and h5py 3.11.0 (HDF5 1.14.2), numpy 2.4.6.
# Output, of each of both:
#   version 0: mark 0, the copy opens
#   version 2: mark 1, the copy opens
#   version 3: mark 1, the copy is refused
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
cat > check.py <<'END_OF_CHECK'
import shutil

import h5py

found = []
for libver in ("earliest", "v108", "v110"):
    with h5py.File("file.h5", "w", libver=(libver, "latest")) as file:
        file["values"] = [1, 2, 3]
        file.flush()
        shutil.copy("file.h5", "copy.h5")
    with open("copy.h5", "rb") as copy:
        head = copy.read(12)
    try:
        h5py.File("copy.h5", "r").close()
        result = "opens"
    except OSError:
        result = "is refused"
    found.append((head[8], head[11], result))
    print(f"version {head[8]}: mark {head[11]}, the copy {result}")
assert found == [(0, 0, "opens"), (2, 1, "opens"), (3, 1, "is refused")]
END_OF_CHECK
for version in 3.16.0 3.11.0; do
    python3 -m pip install --quiet --disable-pip-version-check --no-compile \
        --target "$version" h5py==$version numpy==2.4.6
    PYTHONPATH=$version python3 check.py
done
