"""S3 Inventory reports as listings of a source."""
