#!/bin/sh
# Believed: a reader of a BAM or VCF file uses the index that was just made, or tells that another one
# is older than the file.
# So: beside NAME.csi, pysam.AlignmentFile, pysam.VariantFile and cyvcf2 leave NAME.bai and NAME.tbi
# aside, whichever is newer; pysam.TabixFile does the opposite. Records that the old index does not
# have are not found. The warning that the index is older depends on the times of files, which many
# transfers set anew; here they are equal.
# Matters: a file that gets a new index of the other kind is read by the old one: regions without
# records, though the same library finds them through another class. Delete the other index.
# Versions: pysam 0.24.1, cyvcf2 0.35.0.
# Output, for a region with 1000 records:
#   BAM, pysam.AlignmentFile: 0 with both indexes, 1000 with the new one
#   VCF, pysam.VariantFile: 0 with both indexes, 1000 with the new one
#   VCF, cyvcf2: 0 with both indexes, 1000 with the new one
#   VCF, pysam.TabixFile: 1000 with both indexes, 1000 with the new one
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m pip install --quiet --disable-pip-version-check --no-compile --target site pysam==0.24.1 cyvcf2==0.35.0
cat > check.py <<'END'
import os, pathlib
import cyvcf2, pysam

REGION = ("1", 5_000_000, 6_000_000)

def write_bam(count):
    header = {"HD": {"VN": "1.6", "SO": "coordinate"}, "SQ": [{"SN": "1", "LN": 20_000_000}]}
    with pysam.AlignmentFile("reads.bam", "wb", header=header) as file:
        for number in range(count):
            read = pysam.AlignedSegment(file.header)
            read.query_name, read.query_sequence, read.cigarstring = f"r{number}", "A" * 50, "50M"
            read.reference_id, read.reference_start = 0, number * 1000
            file.write(read)

def write_vcf(count):
    lines = ["##fileformat=VCFv4.2", "##contig=<ID=1>", "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"]
    lines += [f"1\t{number * 1000 + 1}\t.\tA\tC\t.\t.\t." for number in range(count)]
    pathlib.Path("text.vcf").write_text("\n".join(lines) + "\n")
    pysam.tabix_compress("text.vcf", "calls.vcf.gz", force=True)

def counts():
    """Return how many records of the region each reader finds."""
    return {
        "BAM, pysam.AlignmentFile": pysam.AlignmentFile("reads.bam").count(*REGION),
        "VCF, pysam.VariantFile": sum(1 for _ in pysam.VariantFile("calls.vcf.gz").fetch(*REGION)),
        "VCF, cyvcf2": sum(1 for _ in cyvcf2.VCF("calls.vcf.gz")("1:5000001-6000000")),
        "VCF, pysam.TabixFile": sum(1 for _ in pysam.TabixFile("calls.vcf.gz").fetch(*REGION)),
    }

write_bam(10)
write_vcf(10)
pysam.index("-c", "reads.bam")
pysam.tabix_index("calls.vcf.gz", preset="vcf", csi=True)
write_bam(10_000)
write_vcf(10_000)
pysam.index("reads.bam")
pysam.tabix_index("calls.vcf.gz", preset="vcf")
for name in ("reads.bam", "reads.bam.csi", "reads.bam.bai", "calls.vcf.gz", "calls.vcf.gz.csi", "calls.vcf.gz.tbi"):
    os.utime(name, (1, 1))
both = counts()
for old in pathlib.Path().glob("*.csi"):
    old.unlink()
new = counts()
for name in both:
    print(f"{name}: {both[name]} with both indexes, {new[name]} with the new one")
assert list(both.values()) == [0, 0, 0, 1000] and list(new.values()) == [1000] * 4
END
PYTHONPATH=site python3 check.py
