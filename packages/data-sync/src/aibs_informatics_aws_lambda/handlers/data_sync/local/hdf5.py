"""HDF5 files that are open for writing: a copy of one may be unreadable.

A file of version 3, as ``libver="latest"`` makes, has a mark while it is open for writing; so has
one of version 2, though HDF5 itself ignores it there. Files of version 0 and 1, such as most NWB
files, have none: there only their time and size tell.
https://docs.hdfgroup.org/hdf5/develop/_f_m_t3.html#Superblock
"""

from typing import Final

from aibs_informatics_aws_lambda.common.files import filename_in_errors

_SUFFIXES: Final = (
    ".h5",
    ".h5ad",
    ".h5mu",
    ".hdf",
    ".hdf5",
    ".he5",
    ".loom",
    ".mat",
    ".nc",
    ".nc4",
    ".nwb",
)
_SIGNATURE: Final = b"\x89HDF\r\n\x1a\n"
# After a user block, whose size is a power of two.
_OFFSETS: Final = (0, 512, 1024, 2048)

_MARKED_VERSIONS: Final = (2, 3)
_VERSION_INDEX, _FLAGS_INDEX = 8, 11
_OPEN_FOR_WRITING: Final = 0b101
"""Bit 0: open for writing; bit 2: by a writer that lets others read (SWMR)."""


def check_closed(path: str) -> None:
    """Check that a file, if it is an HDF5 file by its name and content, is not being written.

    Raises:
        OSError: it is marked as open for writing, or cannot be read.
    """
    # Not by a path object, which takes longer than all else before an upload.
    if path.lower().endswith(_SUFFIXES) and _is_open(path):
        raise OSError(
            f"cannot copy {path}: it is an HDF5 file that is open for writing. Close it and sync "
            "again, or exclude it. If its writer was killed, clear the mark with h5clear -s"
        )


def _is_open(path: str) -> bool:
    with filename_in_errors(path), open(path, "rb", 0) as file:  # noqa: PTH123
        for offset in _OFFSETS:
            file.seek(offset)
            head = file.read(_FLAGS_INDEX + 1)
            if head.startswith(_SIGNATURE) and len(head) > _FLAGS_INDEX:
                is_marked = head[_VERSION_INDEX] in _MARKED_VERSIONS
                return is_marked and bool(head[_FLAGS_INDEX] & _OPEN_FOR_WRITING)
    return False
