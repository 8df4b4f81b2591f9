"""One sync split into batches."""
