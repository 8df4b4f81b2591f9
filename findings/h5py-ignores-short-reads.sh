#!/bin/sh
# Believed: h5py reads again, or fails, if a file object returns fewer bytes than were asked for, as
# io.RawIOBase allows.
# So: it ignores the count and reports no error, neither for readinto nor for read: what was not
# read is 0, or what the memory held. Inside io.BufferedReader the same object gives all values.
# Matters: a reader over ranges of an object in S3 that returns one chunk per call, as raw streams
# do, gives wrong values beyond it.
# Versions: h5py 3.16.0 (HDF5 2.0.0), numpy 2.4.6.
# Output:
#   readinto: 91808 of 100000 values are wrong
#   read: 100000 of 100000 values are wrong
#   buffered: 0 of 100000 values are wrong
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m pip install --quiet --disable-pip-version-check --no-compile --target site h5py==3.16.0 numpy==2.4.6
cat > check.py <<'END'
import io
import h5py
import numpy

COUNT, CHUNK = 100_000, 65_536
VALUES = numpy.arange(1, COUNT + 1)
with h5py.File("file.h5", "w") as file:
    file["values"] = VALUES

class Into(io.RawIOBase):
    """A file that returns one chunk per call at most."""
    def __init__(self):
        self.file = open("file.h5", "rb", buffering=0)
    def readable(self):
        return True
    def seekable(self):
        return True
    def seek(self, offset, whence=0):
        return self.file.seek(offset, whence)
    def tell(self):
        return self.file.tell()
    def readinto(self, buffer):
        return self.file.readinto(memoryview(buffer).cast("B")[:CHUNK])
    def close(self):
        self.file.close()
        super().close()

class Plain:
    """The same without readinto."""
    def __init__(self):
        self.file = open("file.h5", "rb", buffering=0)
        self.seek, self.tell = self.file.seek, self.file.tell
    def read(self, size):
        return self.file.read(min(size, CHUNK))

def wrong(source):
    """Return how many values are not those of the file."""
    with h5py.File(source, "r") as file:
        return int((file["values"][()] != VALUES).sum())

into, plain, buffered = wrong(Into()), wrong(Plain()), wrong(io.BufferedReader(Into()))
for name, count in (("readinto", into), ("read", plain), ("buffered", buffered)):
    print(f"{name}: {count} of {COUNT} values are wrong")
assert into > 0 and plain > 0 and buffered == 0
END
PYTHONPATH=site python3 check.py
