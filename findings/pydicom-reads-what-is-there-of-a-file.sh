#!/bin/sh
# Believed: dcmread raises an error if a file ends within an element, or gives a warning.
# So: it does neither: pydicom takes what is there for the value, in a text as in the pixels, and
# leaves out all elements after it. save_as then writes the new length into the header: the copy is a
# whole file.
# Matters: a pipeline that anonymizes or sorts files while they arrive turns halves of files into
# valid ones, and nothing tells later that a report or an image was cut off.
# Versions: pydicom 3.0.2.
# Output:
#   whole file: comment of 4000 characters, pixels of 20000 bytes
#   first 20000 bytes: comment of 4000 characters, pixels of 15634 bytes, warnings: 0
#   first 2000 bytes: comment of 1736 characters, no pixels, warnings: 0
#   length of the comment in the header of a copy of these: 1736
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m pip install --quiet --disable-pip-version-check --no-compile --target site pydicom==3.0.2
cat > check.py <<'END'
import logging, pathlib, struct, warnings
import pydicom
from pydicom.dataset import FileDataset, FileMetaDataset

meta = FileMetaDataset()
meta.MediaStorageSOPClassUID = pydicom.uid.SecondaryCaptureImageStorage
meta.MediaStorageSOPInstanceUID = "1.2.3"
meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
image = FileDataset("whole.dcm", {}, file_meta=meta, preamble=bytes(128))
image.SOPClassUID, image.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
image.Rows = image.Columns = 100
image.BitsAllocated = image.BitsStored = 16
image.HighBit, image.PixelRepresentation, image.SamplesPerPixel = 15, 0, 1
image.PhotometricInterpretation = "MONOCHROME2"
image.PatientComments = "x" * 4000
image.PixelData = bytes(20_000)
image.save_as("whole.dcm")
whole = pathlib.Path("whole.dcm").read_bytes()

messages = []
logging.getLogger("pydicom").addHandler(type("Handler", (logging.Handler,), {
    "emit": lambda self, record: messages.append(record.getMessage())})())

def lengths(name):
    read = pydicom.dcmread(name)
    return len(read.PatientComments), len(read.get("PixelData", b""))

found = []
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    for size in (len(whole), 20_000, 2000):
        pathlib.Path("part.dcm").write_bytes(whole[:size])
        found.append(lengths("part.dcm"))
        comment, pixels = found[-1]
        print("whole file" if size == len(whole) else f"first {size} bytes", end=": ")
        print(f"comment of {comment} characters,", f"pixels of {pixels} bytes" if pixels else "no pixels", end="")
        print("" if size == len(whole) else f", warnings: {len(caught) + len(messages)}")
    pydicom.dcmread("part.dcm").save_as("copy.dcm")
copy = pathlib.Path("copy.dcm").read_bytes()
start = copy.index(struct.pack("<HH2s", 0x0010, 0x4000, b"LT")) + 6
length, = struct.unpack_from("<H", copy, start)
print("length of the comment in the header of a copy of these:", length)
assert found[0] == (4000, 20_000) and found[1][0] == 4000 and 0 < found[1][1] < 20_000
assert 0 < found[2][0] < 4000 and not found[2][1] and length == found[2][0] and start + 2 + length == len(copy)
assert not caught and not messages
END
PYTHONPATH=site python3 check.py
