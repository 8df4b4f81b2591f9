from pathlib import Path

from aibs_informatics_core.models.aws.efs import EFSPath
from aibs_informatics_core.models.aws.s3 import S3Path

from specimens.environment import current

SCRATCH = "fs-12345678"


def raw_scan(specimen_id: str) -> S3Path:
    bucket = S3Path.build(bucket_name="scans-raw")
    return bucket / "incoming" / f"{specimen_id}.tiff"


def working_folder(specimen_id: str) -> EFSPath:
    return EFSPath.build(resource_id=SCRATCH, path=Path("/scratch") / current() / specimen_id)


def described(specimen_id: str) -> dict:
    scan, folder = raw_scan(specimen_id), working_folder(specimen_id)
    return {
        "scan": scan,
        "bucket": scan.bucket,
        "key": scan.key,
        "name": scan.name,
        "folder": f"{folder}",
        "volume": folder.file_system_id,
        "path": str(folder.path),
        "is_scan": scan == f"s3://scans-raw/incoming/{specimen_id}.tiff",
    }
